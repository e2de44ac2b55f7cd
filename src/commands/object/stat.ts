import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'

export const objectStat = defineCommand({
  path: 'object stat',
  summary: 'Show the sizes of a dag-pb object (deprecated: use files stat)',
  examples: [{ line: 'tsipfs object stat bafy…', explains: 'Show the sizes of an object.' }],
  needs: 'repo',
  output: 'value',
  result: {
    Hash: 'cid',
    NumLinks: 'int',
    BlockSize: 'int',
    LinksSize: 'int',
    DataSize: 'int',
    CumulativeSize: 'int',
  },
  deprecated: true,
  params: {
    key: argument('key', 'The object', { stdin: true, complete: 'cid' }),
    human: flag('Print sizes for people', { caller: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ objectSizes, readObject }, { formatCid }] = await Promise.all([
      import('../../node/objects.ts'),
      import('../../node/cid.ts'),
    ])
    const object = await readObject(node, input.key, { signal })
    yield { Hash: formatCid(object.cid, globals), ...objectSizes(object) }
  },
  async render(outputs, { input, out }) {
    for await (const { Hash: _, NumLinks, ...sizes } of outputs) {
      await out.write(`NumLinks: ${NumLinks}\n`)
      for (const [name, size] of Object.entries(sizes)) {
        await out.write(`${name}: ${input.human ? humanSize(Number(size)) : size}\n`)
      }
    }
  },
})

function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`
}
