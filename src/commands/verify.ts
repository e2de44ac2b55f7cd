import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, flag, int } from '../contract/params.ts'
import { oneOf } from '../contract/shape.ts'
import type { Change } from '../node/compare/change.ts'
import { sendSide } from './_sides.ts'

interface Verified {
  readonly Cid?: string
  readonly Ok?: boolean
  /** Files and bytes on disk that were compared. */
  readonly Files?: number
  readonly Bytes?: number
  /** A path that differs; `.` is the root. */
  readonly Path?: string
  /** missing, extra, type, content, target, mode or mtime. */
  readonly Reason?: string
  /** The first byte that differs, or the beginning of the part in which it does. */
  readonly Offset?: number
}

export const verify = defineCommand({
  path: 'verify',
  summary: 'Check that a file or folder on disk is what a CID names',
  description:
    'Reads what lies on disk, hashes it part by part as the DAG is cut, and compares: so it does not matter with which ' +
    'chunker, layout or CID version the DAG was made, and the data of the DAG need not be here, only its inner blocks. ' +
    'Names, symbolic links, and modes and times where the DAG has them, are compared too. What differs is named, and ' +
    'the status is then 6. Hidden files count. - is standard input.',
  examples: [
    { line: 'tsipfs verify ./download bafy…', explains: 'Check a download.' },
    { line: 'tsipfs verify --metadata=false dist mfs:/releases/1.0', explains: 'Leave modes and times out.' },
    { line: 'curl -s https://example.org/file | tsipfs verify - bafy…', explains: 'Check a stream.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  result: oneOf(
    { Cid: 'cid', Ok: 'flag', Files: 'int', Bytes: 'int' },
    { Path: 'text', Reason: 'text: missing, extra, type, content, target, mode or mtime', 'Offset?': 'int' },
  ),
  params: {
    local: argument('path', 'The file or folder on disk', { complete: 'file' }),
    cid: argument('ipfs-path', 'What it should be', { complete: 'cid' }),
    metadata: flag('Compare modes and times where the DAG has them', { initial: true }),
    max: int('Name so many differences at most; 0: all', { initial: 10, min: 0 }),
    quiet: flag('Print nothing: the status tells', { short: 'q', caller: true }),
  },
  source: (input, _paths, caller) => sendSide('a', input.local, caller),
  async *run(input, { node, source, globals, signal }) {
    const [{ resolveContentPath }, { describeRoot }, { compareWithSource }, { formatCid }] = await Promise.all([
      import('../node/content-path.ts'),
      import('../node/directory-list.ts'),
      import('../node/compare/source.ts'),
      import('../node/cid.ts'),
    ])
    const cid = await resolveContentPath(node, input.cid, { signal })
    const root = await describeRoot(node.blocks, cid, '', { signal })
    const blocks = { blocks: node.blocks, here: node.repo.blocks }
    const counts = { files: 0, bytes: 0 }
    let differences = 0
    for await (const change of compareWithSource(blocks, root, source, { signal, metadata: input.metadata }, counts)) {
      differences += 1
      yield toRecord(change) as Verified
      if (differences === input.max) break
    }
    if (differences > 0) {
      const count = differences === input.max ? `${differences} or more` : String(differences)
      const text = `${input.local} is not ${input.cid}: ${count} difference${differences === 1 ? '' : 's'}`
      throw new Failure('data-mismatch', text, { data: { cid: String(cid) } })
    }
    yield { Cid: formatCid(cid, globals), Ok: true, Files: counts.files, Bytes: counts.bytes } as Verified
  },
  async render(outputs, { input, out, lineEnd }) {
    const [{ LineWriter }, { nameText }] = await Promise.all([import('./_lines.ts'), import('./_escape.ts')])
    const text = new LineWriter(out, lineEnd)
    const named = nameText(lineEnd)
    try {
      for await (const { Path, Reason, Offset, Cid, Files, Bytes } of outputs) {
        if (input.quiet) continue
        const at = Offset === undefined ? '' : ` at byte ${Offset}`
        if (Path !== undefined) await text.write(`${Reason}${at}\t${named(Path)}`)
        else await text.write(`${input.local} is ${Cid} (${Files} file${Files === 1 ? '' : 's'}, ${Bytes} bytes)`)
      }
    } finally {
      await text.flush()
    }
  },
})

function toRecord({ path, old, new: now, reason, difference }: Change): Verified {
  return {
    Path: path === '' ? '.' : path,
    Reason: old === undefined ? 'extra' : now === undefined ? 'missing' : (reason ?? 'content'),
    ...(difference === undefined ? {} : { Offset: difference.offset }),
  }
}
