import { bootstrapListing } from './_peers.ts'

export const bootstrapList = bootstrapListing('bootstrap list')
