import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, flag, int, text } from '../contract/params.ts'

export const resolve = defineCommand({
  path: 'resolve',
  summary: 'Find out what a path or a name points to',
  description:
    'Prints the path of the block that a path leads to, and what remains of the path inside it. Names (/ipns/…) are ' +
    'followed until they lead to content; with --recursive=false a single step.',
  examples: [
    { line: 'tsipfs resolve /ipfs/bafy…/docs/index.html', explains: 'Print the CID of a file in a folder.' },
    { line: 'tsipfs resolve -r=false /ipns/k51…', explains: 'Print what a name points to.' },
  ],
  needs: 'repo',
  output: 'value',
  worksWithoutRepo: true,
  result: { Path: 'text' },
  params: {
    name: argument('name', 'The path or name to resolve', { stdin: true, complete: 'cid' }),
    recursive: flag('Follow names until they lead to content', { short: 'r', initial: true }),
    dhtRecordCount: int('How many records to ask of the DHT', { aliases: ['dhtrc'] }),
    dhtTimeout: text('How long to collect records of the DHT ("30s"); 0 for no limit', { aliases: ['dhtt'] }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ parsePath, resolvePath }, { decodeCid, formatCid }, { encodeMultibase }, { parseDuration }] =
      await Promise.all([
        import('../node/path.ts'),
        import('../node/cid.ts'),
        import('../node/multibase.ts'),
        import('../contract/duration.ts'),
      ])
    const collectMs = input.dhtTimeout === undefined ? undefined : parseDuration(input.dhtTimeout)
    if (collectMs !== undefined && collectMs < 0) throw new Failure('usage', 'DHT timeout value must be >= 0')
    const path = parsePath(input.name)
    const naming = { signal, recordsMax: input.dhtRecordCount, collectMs }
    if (path.namespace === 'ipns' && !input.recursive) {
      const { resolveName } = await import('../node/naming.ts')
      const target = await resolveName(node, path.root, { ...naming, depthMax: 1 })
      yield { Path: [target, ...path.segments].join('/') }
      return
    }
    const { namespace, cid, remainder } = await resolvePath(node, input.name, naming)
    const shown = globals.cidBase === undefined && path.namespace !== 'ipns' ? inBaseOf(input.name) : undefined
    yield { Path: ['', namespace, shown ?? formatCid(cid, globals), ...remainder].join('/') }

    /** Returns the CID in the base in which the path was written; as it is for one in CIDv0. */
    function inBaseOf(written: string): string {
      const root = written.replace(/^(ip[fn]s|ipld):(\/\/)?|^\/(ipfs|ipld)\//i, '').split('/')[0] ?? ''
      const { base, cid: first } = decodeCid(root)
      return first.version === 0 ? cid.toString() : encodeMultibase(base, cid.toV1().bytes)
    }
  },
  async render(outputs, { out }) {
    for await (const { Path } of outputs) await out.write(`${Path}\n`)
  },
})
