import { bootstrapListing } from './bootstrap/_peers.ts'

export const bootstrap = bootstrapListing('bootstrap')
