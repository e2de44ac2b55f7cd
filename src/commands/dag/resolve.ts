import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const dagResolve = defineCommand({
  path: 'dag resolve',
  summary: 'Find the block that a path leads to',
  description:
    'Prints the CID of the last block on a path, and what remains of the path inside that block. Nothing follows it, ' +
    'not even a newline.',
  examples: [{ line: 'tsipfs dag resolve bafy…/next/value', explains: 'Find the block that holds a value.' }],
  needs: 'repo',
  output: 'value',
  worksWithoutRepo: true,
  result: { Cid: 'link', RemPath: 'text' },
  params: { ref: argument('ref', 'The path to resolve', { stdin: true, complete: 'cid' }) },
  async *run(input, { node, signal }) {
    const { resolvePath } = await import('../../node/path.ts')
    const { cid, remainder } = await resolvePath(node, input.ref, { signal })
    yield { Cid: { '/': cid.toString() }, RemPath: remainder.map(segment => `/${segment}`).join('') }
  },
  async render(outputs, { out, globals, input }) {
    const [{ decodeCid, formatCid, parseCid }, { encodeMultibase }] = await Promise.all([
      import('../../node/cid.ts'),
      import('../../node/multibase.ts'),
    ])
    for await (const { Cid, RemPath } of outputs) {
      const cid = parseCid(Cid['/'])
      await out.write(`${globals.cidBase === undefined ? asWritten(input.ref) : formatCid(cid, globals)}${RemPath}`)

      /** The CID in the base of the one in the path, when it has one. */
      function asWritten(path: string): string {
        const [root = ''] = path.replace(/^(\/ip[fn]s\/|\/ipld\/|ipfs:(\/\/)?)/, '').split('/')
        try {
          const { base, cid: first } = decodeCid(root)
          return first.version === 0 ? cid.toString() : encodeMultibase(base, cid.toV1().bytes)
        } catch {
          return formatCid(cid, globals) // The path begins with a name.
        }
      }
    }
  },
})
