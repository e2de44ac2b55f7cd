import { defineCommand } from '../../contract/command.ts'
import { flag, optionalArgument } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { nameToBytes } from '../../contract/surrogate-escape.ts'
import { flushOption } from './_shared.ts'

const AS_IS = { cidBase: undefined, upgradeCidV0: false }

export const filesLs = defineCommand({
  path: 'files ls',
  summary: 'List directories in MFS',
  description: 'Lists the entries of a folder, sorted by name; with --long their CIDs and sizes too.',
  examples: [
    { line: 'tsipfs files ls /welcome/docs/', explains: 'List a folder.' },
    { line: 'tsipfs files ls -l', explains: 'List the root with CIDs and sizes.' },
  ],
  needs: 'repo',
  output: 'value',
  result: { Entries: maybe([{ Name: 'text', Type: 'int: 1 for a folder, else 0', Size: 'int', Hash: 'text' }]) },
  items: { at: 'Entries' },
  params: {
    path: optionalArgument('path', 'Path to list; / when left out', { complete: 'mfs' }),
    long: flag('Show CIDs and sizes', { short: 'l' }),
    unsorted: flag('Do not sort: list entries in the order of the folder', { name: 'U', short: 'U' }),
    ...flushOption,
  },
  async *run(input, { node, globals, signal }) {
    const [{ listMfs }, { checkCidBase, formatCid }] = await Promise.all([
      import('../../node/mfs/list.ts'),
      import('../../node/cid.ts'),
    ])
    checkCidBase(globals)
    const { type: kind, entries } = await listMfs(node, input.path ?? '/', input.long, { signal })
    // As with Kubo, --cid-base is heeded for a file, and says nothing of what a folder holds.
    const form = kind === 'file' ? globals : AS_IS
    const listed = entries.map(({ name, type, size, cid }) => ({
      Name: name,
      Type: type === 'directory' ? 1 : 0,
      Size: size,
      Hash: cid === undefined ? '' : formatCid(cid, form),
    }))
    yield { Entries: listed.length === 0 ? null : listed }
  },
  async render(outputs, { input, out, lineEnd = '\n' }) {
    for await (const { Entries } of outputs) {
      const entries = [...(Entries ?? [])]
      if (!input.unsorted) entries.sort((a, b) => compareNames(a.Name, b.Name))
      const lines = entries.map(({ Name, Type, Size, Hash }) =>
        input.long ? `${Name}${Type === 1 ? '/' : ''}\t${Hash}\t${Size}${lineEnd}` : `${Name}${lineEnd}`,
      )
      await out.write(lines.join(''))
    }
  },
})

/** Compares by bytes: code units have another order from where surrogates begin. */
function compareNames(a: string, b: string): number {
  if (HIGH.test(a) && HIGH.test(b)) return Buffer.compare(nameToBytes(a), nameToBytes(b))
  return a < b ? -1 : a > b ? 1 : 0
}

const HIGH = /[\ud800-\uffff]/
