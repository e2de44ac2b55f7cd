import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { sizeText } from '../../contract/size-text.ts'

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
        await out.write(`${name}: ${input.human ? sizeText(Number(size)) : size}\n`)
      }
    }
  },
})
