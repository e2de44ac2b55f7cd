import { keyListing } from './_list.ts'

export const keyLs = keyListing('key ls', false)
