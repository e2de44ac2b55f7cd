import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argumentList, flag, int, text } from '../contract/params.ts'

const FORMAT = '<dst>'
const EDGES = '<src> -> <dst>'

export const refs = defineCommand({
  path: 'refs',
  summary: 'List the links of objects',
  description:
    'Prints the CIDs that objects link to, a line each; with --recursive those of the objects below too, depth first, ' +
    'and with --unique each once. Nothing is held back: lines are printed as they are found.',
  examples: [
    { line: 'tsipfs refs -r -u bafy…', explains: 'List every block below an object once.' },
    { line: "tsipfs refs --format='<linkname> <dst>' bafy…", explains: 'List the entries of a folder.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  result: { Ref: 'text', Err: 'text' },
  params: {
    path: argumentList('ipfs-path', 'The objects to list the links of', { stdin: true, complete: 'cid' }),
    format: text('Print lines of this form; the tokens are <src>, <dst> and <linkname>', { initial: FORMAT }),
    edges: flag(`Print lines of the form ${EDGES}`, { short: 'e' }),
    unique: flag('Leave out what was printed before', { short: 'u' }),
    recursive: flag('List the links of the objects below too', { short: 'r' }),
    maxDepth: int('With --recursive, how many levels to list; -1 for all', { initial: -1, saturates: true }),
  },
  check(input) {
    if (input.edges && input.format !== FORMAT) {
      throw new Failure('usage', 'using format argument with edges is not allowed')
    }
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { checkCidBase, formatCid }, { Visited, walkLinks }] = await Promise.all([
      import('../node/path.ts'),
      import('../node/cid.ts'),
      import('../node/walk.ts'),
    ])
    checkCidBase(globals)
    const roots = []
    for (const path of input.path) roots.push((await resolvePath(node, path, { signal })).cid)
    const unique = input.unique ? new Visited() : undefined
    const depthMax = !input.recursive ? 1 : input.maxDepth < 0 ? undefined : input.maxDepth
    const format = input.edges ? EDGES : input.format || FORMAT
    const failures: Failure[] = []
    for (const root of roots) {
      try {
        for await (const { from, link } of walkLinks(node.blocks, root, { signal, depthMax, unique })) {
          const dst = formatCid(link.cid, globals)
          const line =
            format === FORMAT
              ? dst
              : format
                  .replaceAll('<src>', () => formatCid(from, globals))
                  .replaceAll('<dst>', () => dst)
                  .replaceAll('<linkname>', () => link.name)
          yield { Ref: line, Err: '' }
        }
      } catch (error) {
        if (!(error instanceof Failure)) {
          if (isTimeLimit(error)) yield { Ref: '', Err: 'context deadline exceeded' }
          throw error
        }
        // The other roots can be listed all the same.
        failures.push(error)
        yield { Ref: '', Err: error.message }
      }
    }
    const [first] = failures
    if (first === undefined) return
    if (failures.length === 1 && roots.length === 1) throw first
    const kind = failures.length === roots.length ? first.kind : 'partial'
    const text = `${first.message} (${failures.length} of ${roots.length} objects could not be listed)`
    throw new Failure(kind, text, { hint: first.hint, cause: first })
  },
  async render(outputs, { out, lineEnd }) {
    const { LineWriter } = await import('./_lines.ts')
    const lines = new LineWriter(out, lineEnd)
    let failed: string | undefined
    for await (const { Ref, Err } of outputs) {
      if (Err === '') await lines.write(Ref)
      else failed ??= Err
    }
    await lines.flush()
    // Another node may report a failure in its values alone.
    if (failed !== undefined) throw new Failure('failed', failed)
  },
})

function isTimeLimit(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
