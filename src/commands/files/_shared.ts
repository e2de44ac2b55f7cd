import { flag, int, text } from '../../contract/params.ts'

/** The options that every command which changes MFS takes. */
export const flushOption: { readonly flush: ReturnType<typeof flag> } = {
  flush: flag('Accepted as Kubo has it: every change is durable when the command returns, whatever it says', {
    short: 'f',
    initial: true,
  }),
}

const formatParams = {
  cidVersion: int('CID version to use', { aliases: ['cid-ver'], experimental: true }),
  hash: text('Hash function to use; makes a CIDv1', { experimental: true, complete: 'hash' }),
}

/** The options that say how CIDs are made. */
export const formatOptions: typeof formatParams = formatParams
