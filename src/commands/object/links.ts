import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { escapeName } from '../_escape.ts'
import { alignColumns } from '../_table.ts'

export const objectLinks = defineCommand({
  path: 'object links',
  summary: 'List the links of a dag-pb object (deprecated: use dag get)',
  examples: [{ line: 'tsipfs object links -v bafy…', explains: 'List links with a head line.' }],
  needs: 'repo',
  output: 'value',
  result: { Hash: 'cid', Links: [{ Name: 'text', Hash: 'cid', Size: 'int' }] },
  deprecated: true,
  params: {
    key: argument('key', 'The object', { stdin: true, complete: 'cid' }),
    headers: flag('Print a head line', { short: 'v', caller: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ linkRecords, readObject }, { formatCid }] = await Promise.all([
      import('../../node/objects.ts'),
      import('../../node/cid.ts'),
    ])
    const { cid, links } = await readObject(node, input.key, { signal })
    const format = (one: typeof cid): string => formatCid(one, globals)
    yield { Hash: format(cid), Links: linkRecords(links, format) }
  },
  async render(outputs, { input, out }) {
    for await (const { Links } of outputs) {
      const lines = Links.map(({ Hash, Size, Name }) => `${Hash}\t${Size}\t${escapeName(Name)}`)
      if (input.headers) lines.unshift('Hash\tSize\tName')
      for (const line of alignColumns(lines, 1)) await out.write(`${line}\n`)
    }
  },
})
