import { defineCommand, type View } from '../../contract/command.ts'
import { flag, text } from '../../contract/params.ts'
import type { KeyRecord } from '../../node/named-keys.ts'
import { nameText } from '../_escape.ts'
import { alignColumns } from '../_table.ts'

/** The encoding of key ids. */
export const ipnsBase = text('Encoding of key ids: a multibase, or b58mh', {
  name: 'ipns-base',
  initial: 'base36',
  placeholder: 'base',
})

/** Options of the commands that print keys. */
export const listParams = { long: flag('Show the ids of keys too', { name: 'l', short: 'l' }), ipnsBase }

interface KeyList {
  readonly Keys: readonly KeyRecord[]
}

/** Prints keys, a line each. */
export async function renderKeys(
  outputs: AsyncIterable<KeyList>,
  { input, out, lineEnd }: Pick<View, 'out' | 'lineEnd'> & { readonly input: { readonly long: boolean } },
): Promise<void> {
  for await (const { Keys } of outputs) {
    const named = nameText(lineEnd)
    if (lineEnd !== undefined) {
      for (const { Name, Id } of Keys) await out.write(`${input.long ? `${Id}\t` : ''}${named(Name)}${lineEnd}`)
      continue
    }
    const lines = Keys.map(({ Name, Id }) => (input.long ? `${Id}\t${named(Name)}\t` : named(Name)))
    for (const line of alignColumns(lines, 1)) await out.write(`${line}\n`)
  }
}

/** Declares the command that lists keys, which has two names. */
export function keyListing(path: string, deprecated: boolean) {
  return defineCommand({
    path,
    summary: deprecated ? 'List keys (deprecated: use key ls)' : 'List keys',
    examples: [{ line: `tsipfs ${path} -l`, explains: 'List keys with their ids, which are IPNS names.' }],
    needs: 'repo',
    output: 'value',
    deprecated,
    result: { Keys: [{ Name: 'text', Id: 'text' }] },
    items: { at: 'Keys' },
    params: listParams,
    async *run(input, { node }): AsyncIterable<KeyList> {
      const [{ listKeys }, { checkPeerIdBase }] = await Promise.all([
        import('../../node/named-keys.ts'),
        import('../../node/peer-id.ts'),
      ])
      checkPeerIdBase(input.ipnsBase)
      yield { Keys: await Array.fromAsync(listKeys(node.repo, input.ipnsBase)) }
    },
    render: renderKeys,
  })
}
