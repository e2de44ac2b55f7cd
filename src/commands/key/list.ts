import { keyListing } from './_list.ts'

export const keyList = keyListing('key list', true)
