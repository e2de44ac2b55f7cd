import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, flag } from '../contract/params.ts'
import type { Node } from '../node/node.ts'
import { localPathOf, sendSide } from './_sides.ts'

interface Changed {
  /** Below both roots; `.` for the roots themselves. */
  readonly Path: string
  readonly Change: 'added' | 'removed' | 'changed'
  /** In what a changed path differs: type, content, target, mode or mtime. */
  readonly Reason?: string
  /** `file`, `directory`, `symlink`, or `dag` for what is no UnixFS. */
  readonly OldType?: string
  readonly NewType?: string
  readonly OldSize?: number
  readonly NewSize?: number
  /** Absent for what lies on disk. */
  readonly OldCid?: string
  readonly NewCid?: string
  /** The first byte that differs, when files of the same size were compared. */
  readonly Offset?: number
}

export const diff = defineCommand({
  path: 'diff',
  summary: 'Show in what two files or folders differ',
  description:
    'Compares two sides, each a file or folder on disk, a path in IPFS or one in MFS (mfs:/…), and prints a line for ' +
    'each path: A (added), D (removed) or M (changed), the old size, the new size, and the path. What begins with ./, ' +
    '../ or / is on disk, but for /ipfs/… and /ipns/…; a CID is in IPFS; any other name is on disk; - is standard ' +
    'input. Equal blocks are not read: of two sharded folders only the shards that differ, of two files only what ' +
    'differs up to the first byte, of a file on disk only the inner blocks of its counterpart. Files with the same ' +
    'bytes are the same, however they were cut into blocks, unless --by-cid is given.\n' +
    'The status is 0 whether they differ or not. With --exit-code it is 1 when they differ, and never 1 for another ' +
    'reason.',
  examples: [
    { line: 'tsipfs diff bafyOLD bafyNEW', explains: 'Show what changed between two versions.' },
    { line: 'tsipfs diff --stat /ipns/example.org ./public', explains: 'Show what publishing a folder would change.' },
    { line: 'tsipfs diff --exit-code mfs:/site ./public', explains: 'Ask, in a script, whether they differ.' },
    { line: 'tsipfs diff --name-only -0 bafyOLD bafyNEW | xargs -0 …', explains: 'Work on the paths that changed.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  result: {
    Path: 'text: below both roots; . for the roots themselves',
    Change: 'text: added, removed or changed',
    'Reason?': 'text: type, content, target, mode or mtime',
    'OldType?': 'text: file, directory, symlink or dag',
    'NewType?': 'text',
    'OldSize?': 'int',
    'NewSize?': 'int',
    'OldCid?': 'cid',
    'NewCid?': 'cid',
    'Offset?': 'int: the first byte that differs',
  },
  params: {
    old: argument('old', 'The old side', { complete: 'cid' }),
    new: argument('new', 'The new side', { complete: 'cid' }),
    exitCode: flag('End with status 1 when they differ'),
    quiet: flag('Print nothing; implies --exit-code', { short: 'q' }),
    byCid: flag('Files whose CIDs differ are different'),
    metadata: flag('Compare modes and times where both sides have them'),
    nameOnly: flag('Print only the paths', { caller: true }),
    stat: flag('Print counts and sizes only', { caller: true }),
  },
  async *source(input, _paths, caller) {
    for (const [side, word] of [
      ['a', input.old],
      ['b', input.new],
    ] as const) {
      const path = await localPathOf(word)
      if (path === undefined) continue
      try {
        yield* sendSide(side, path, caller)
      } catch (error) {
        throw otherThanOne(error, input)
      }
    }
  },
  async *run(input, { node, source, globals, signal }) {
    const [{ formatCid }, { compareKeys }] = await Promise.all([
      import('../node/cid.ts'),
      import('../node/dag-model.ts'),
    ])
    const found: Changed[] = []
    try {
      for await (const change of await changes(node, input, source, signal)) {
        if (input.quiet) throw differ()
        found.push(toRecord(change, cid => formatCid(cid, globals)))
      }
    } catch (error) {
      throw otherThanOne(error, input)
    }
    yield* found.sort((one, other) => compareKeys(one.Path, other.Path))
    if (input.exitCode && found.length > 0) throw differ()
  },
  async render(outputs, { input, out, colour, lineEnd }) {
    const [{ LineWriter }, { nameText }] = await Promise.all([import('./_lines.ts'), import('./_escape.ts')])
    const text = new LineWriter(out, lineEnd)
    const named = nameText(lineEnd)
    const counts = { added: 0, removed: 0, changed: 0, bytesAdded: 0, bytesRemoved: 0 }
    const paint = { added: colour.green, removed: colour.red, changed: colour.magenta }
    let failure: unknown
    try {
      for await (const { Path, Change, OldSize, NewSize } of outputs) {
        counts[Change] += 1
        counts.bytesRemoved += OldSize ?? 0
        counts.bytesAdded += NewSize ?? 0
        const path = named(Path)
        if (input.nameOnly) await text.write(path)
        else if (!input.stat) {
          await text.write(paint[Change](`${LETTERS[Change]}\t${OldSize ?? '-'}\t${NewSize ?? '-'}\t${path}`))
        }
      }
    } catch (error) {
      failure = error
    }
    const { added, removed, changed } = counts
    if (input.stat) {
      await text.write(`${added} added, ${removed} removed, ${changed} changed`)
      await text.write(`${counts.bytesRemoved} bytes before, ${counts.bytesAdded} bytes after`)
    }
    await text.flush()
    if (failure !== undefined) throw failure
  },
})

const LETTERS = { added: 'A', removed: 'D', changed: 'M' }

/** With --exit-code, status 1 is for sides that differ alone. */
function otherThanOne(error: unknown, input: { readonly exitCode: boolean; readonly quiet: boolean }): unknown {
  const isPlain = error instanceof Failure && error.kind === 'failed' && !error.quiet
  if (!isPlain || !(input.exitCode || input.quiet)) return error
  return new Failure('partial', error.message, { hint: error.hint, data: error.data, cause: error })
}

function differ(): Failure {
  return new Failure('failed', 'they differ', { quiet: true })
}

type Change = import('../node/compare/change.ts').Change

async function changes(
  node: Node,
  input: { readonly old: string; readonly new: string; readonly byCid: boolean; readonly metadata: boolean },
  source: AsyncIterable<import('../contract/source.ts').SourceEntry>,
  signal: AbortSignal,
): Promise<AsyncIterable<Change>> {
  const [{ resolveContentPath }, { describeRoot }] = await Promise.all([
    import('../node/content-path.ts'),
    import('../node/directory-list.ts'),
  ])
  const options = { signal, byCid: input.byCid, metadata: input.metadata }
  const isLocal = [await localPathOf(input.old), await localPathOf(input.new)].map(path => path !== undefined)
  const { compareSources, compareWithSource } = await import('../node/compare/source.ts')
  if (isLocal[0] && isLocal[1]) return compareSources(source, options)
  const rootOf = async (word: string) =>
    describeRoot(node.blocks, await resolveContentPath(node, word, { signal }), '', { signal })
  const blocks = { blocks: node.blocks, here: node.repo.blocks }
  if (isLocal[1]) return compareWithSource(blocks, await rootOf(input.old), source, options)
  if (isLocal[0]) return turned(compareWithSource(blocks, await rootOf(input.new), source, options))
  const { compareDags } = await import('../node/compare/dags.ts')
  return compareDags(node.blocks, await rootOf(input.old), await rootOf(input.new), options)
}

/** Takes the sides for each other. */
async function* turned(changes: AsyncIterable<Change>): AsyncIterable<Change> {
  for await (const change of changes) yield { ...change, old: change.new, new: change.old }
}

function toRecord(change: Change, format: (cid: import('multiformats/cid').CID) => string): Changed {
  const { path, old, new: now, reason, difference } = change
  return {
    Path: path === '' ? '.' : path,
    Change: old === undefined ? 'added' : now === undefined ? 'removed' : 'changed',
    ...(reason === undefined ? {} : { Reason: reason }),
    ...(old === undefined ? {} : { OldType: old.type, OldSize: old.size }),
    ...(now === undefined ? {} : { NewType: now.type, NewSize: now.size }),
    ...(old?.cid === undefined ? {} : { OldCid: format(old.cid) }),
    ...(now?.cid === undefined ? {} : { NewCid: format(now.cid) }),
    ...(difference?.isExact === true ? { Offset: difference.offset } : {}),
  }
}
