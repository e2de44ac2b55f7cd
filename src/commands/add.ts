import { type Caller, type Context, defineCommand, type View } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { choice, files, flag, type Input, int, text, texts } from '../contract/params.ts'
import type { AddRecord } from '../node/importer/add-record.ts'
import { escapeName, nameText } from './_escape.ts'
import { LineWriter } from './_lines.ts'

/** What `run` yields: how far a file is (`Bytes`), or what was added (`Hash`). */
interface Added extends AddRecord {
  /** With --watch and --ipns: the name that points to the root before, or why it does not. */
  readonly Ipns?: string
  readonly Unpublished?: string
}

const params = {
  path: files('path', 'The path to a file to be added', { folders: true }),
  recursive: flag('Add directory paths recursively', { short: 'r' }),
  dereferenceArgs: flag('Replace the symbolic links that are named by what they lead to', { deprecated: true }),
  stdinName: text('A name for what comes from standard input'),
  hidden: flag('Add files whose names begin with a dot too; only with --recursive', { short: 'H' }),
  ignore: texts('A rule (as in .gitignore) for what is to be left out; only with --recursive', { placeholder: 'rule' }),
  ignoreRulesPath: text('A file with such rules', { complete: 'file', placeholder: 'file' }),
  emptyDirs: flag('Add folders that are empty', { short: 'E', initial: true }),
  dereferenceSymlinks: flag('Replace all symbolic links by what they lead to'),
  quiet: flag('Write the CIDs only', { short: 'q', caller: true }),
  quieter: flag('Write the last CID only', { short: 'Q', caller: true }),
  silent: flag('Report no files'),
  progress: flag('Report progress; the default is true when standard error is a terminal', { short: 'p' }),
  onlyHash: flag('Only chunk and hash: store nothing', { short: 'n' }),
  wrapWithDirectory: flag('Wrap what is added in a folder', { short: 'w' }),
  pin: flag('Keep what is added from garbage collection', { initial: true }),
  pinName: text('A name for the pin'),
  expect: text('Fail with status 6, and pin nothing, unless this CID (or sha256:HEX of a single file) is added', {
    placeholder: 'cid',
  }),
  watch: flag('Add folders again each time that something in them has changed; prints each new root'),
  ipns: text('With --watch: publish each root under the name of this key', { complete: 'key', placeholder: 'key' }),
  checkpoint: flag('Go on where an add that was killed has stopped; --no-checkpoint reads all files', {
    initial: true,
  }),
  toCar: text('Save what is added, with all blocks, as a CAR file', { complete: 'file', placeholder: 'file' }),
  toFiles: text('Link what is added into MFS, at this path', { complete: 'mfs', placeholder: 'path' }),
  cidVersion: int('CID version, 0 or 1; 1 makes raw leaves. The default is Import.CidVersion'),
  hash: text('Hash function; makes CIDv1 unless it is sha2-256. The default is Import.HashFunction', {
    complete: 'hash',
  }),
  rawLeaves: choice('Use raw blocks for leaves. The default is Import.UnixFSRawLeaves, else true with CIDv1'),
  chunker: text('How files are cut: size-N, rabin-MIN-AVG-MAX or buzhash. The default is Import.UnixFSChunker', {
    short: 's',
    offers: ['size-262144', 'size-1048576', 'rabin', 'buzhash'],
  }),
  trickle: choice('Use the trickle layout. The default is Import.UnixFSDAGLayout', { short: 't' }),
  maxFileLinks: int('Links of a node of a file at most. The default is Import.UnixFSFileMaxLinks', {
    experimental: true,
  }),
  maxDirectoryLinks: int('Entries of a folder before it is sharded. The default is Import.UnixFSDirectoryMaxLinks', {
    experimental: true,
  }),
  maxHamtFanout: int('Links of a node of a sharded folder at most: 8 to 1024, a power of two', {
    name: 'max-hamt-fanout',
    experimental: true,
  }),
  inline: flag('Put small blocks into their CIDs', { experimental: true }),
  inlineLimit: int('Bytes of a block that is put into its CID at most, up to 128', { initial: 32, experimental: true }),
  nocopy: flag('Leave the bytes in the files, and only refer to them', { experimental: true }),
  fscache: flag('Do not copy what --nocopy has added already', { experimental: true }),
  preserveMode: flag('Store the permissions of files and folders', { experimental: true }),
  preserveMtime: flag('Store when files and folders were modified', { experimental: true }),
  mode: text('Permissions to store with everything that is added: 0644', { experimental: true }),
  mtime: int('Time of modification to store with everything, in seconds since 1970', { experimental: true }),
  mtimeNsecs: int('Nanoseconds of --mtime'),
  provide: text(
    'When what is added is announced: queue (by the daemon, now or later), wait (before add ends) or none',
    {
      values: ['queue', 'wait', 'none'],
      placeholder: 'when',
    },
  ),
  fastProvideRoot: choice(
    'Announce the root at once, besides the regular queue. The default is Import.FastProvideRoot',
  ),
  fastProvideDag: choice('Announce all of the DAG by Provide.Strategy. The default is Import.FastProvideDAG', {
    name: 'fast-provide-dag',
  }),
  fastProvideWait: choice('Wait until that is done. The default is Import.FastProvideWait'),
}

export const add = defineCommand({
  path: 'add',
  summary: 'Add a file or directory to IPFS',
  description:
    'Adds files, and with -r folders, and prints a CID for each. What is named is pinned. A CID that was printed has ' +
    'been flushed to the disk: it survives a crash from then on. When anything fails nothing is pinned.\n\n' +
    'Symbolic links are stored as links, unless --dereference-symlinks is given. Of one input and the same options all ' +
    'versions of tsipfs and Kubo make the same CID; the defaults are those of Import.* in the config.\n\n' +
    'What was added is announced by the daemon on this repo, or by the next one, as Provide.* says. With ' +
    '--provide=wait add ends when peers have taken the records of what was named (with --fast-provide-dag, of all ' +
    'blocks): the daemon announces them or, without one, add itself does, with the identity of the repo. When nobody ' +
    'took them, what was added stays, and the status is 5.',
  examples: [
    { line: 'tsipfs add hello.txt', explains: 'Add a file.' },
    { line: 'tsipfs add -rQ ./site', explains: 'Add a folder, and print the CID of its root only.' },
    { line: 'tar c src | tsipfs add -Q --stdin-name=src.tar', explains: 'Add what another program writes.' },
    { line: 'tsipfs add -w a.txt b.txt', explains: 'Add two files in a folder, under their names.' },
    { line: 'tsipfs add -Q --expect=bafy… download.iso', explains: 'Add a download only if it is what it should be.' },
    { line: 'tsipfs add -rQ --to-car=site.car ./site', explains: 'Save a CAR of what is added, too.' },
    { line: 'tsipfs add -Q --watch --ipns=site ./site', explains: 'Publish a folder each time that it changes.' },
    { line: 'tsipfs add -Q --provide=wait hello.txt', explains: 'Add a file, and wait until others can find it.' },
    { line: 'tsipfs add -nQ --cid-version=1 big.iso', explains: 'Compute the CID of a file, and store nothing.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  result: {
    Name: 'text',
    'Hash?': 'cid: absent in reports of progress',
    'Bytes?': 'int: how far a file is',
    'Total?': 'int: bytes of the file, when they are known',
    'Size?': 'text: bytes of the DAG',
    'Mode?': 'text',
    'Mtime?': 'int',
    'MtimeNsecs?': 'int',
    'Ipns?': 'text: the name under which the root before was published, with watch',
    'Unpublished?': 'text: why it was not',
    'Car?': 'text: bytes of a CAR in base64, over the RPC with to-car',
  },
  outputs: { cid: 'Hash' },
  params,
  check(input) {
    if ((!input.pin || input.onlyHash) && input.pinName !== undefined) {
      throw new Failure('usage', 'pin-name option requires pin to be set')
    }
    checkCarFile(input)
    checkWatch(input)
    if (input.provide === 'wait' && input.onlyHash) {
      throw new Failure('usage', 'only-hash and provide=wait options are not compatible')
    }
    if (input.toFiles === undefined) return
    const other = input.onlyHash ? 'only-hash' : input.wrapWithDirectory ? 'wrap-with-directory' : undefined
    if (other !== undefined) throw new Failure('usage', `${other} and to-files options are not compatible`)
  },
  async *run(input, context) {
    const [{ addAll }, { addRecord }] = await Promise.all([
      import('../node/importer/add.ts'),
      import('../node/importer/add-record.ts'),
    ])
    if (input.watch) {
      yield* watching(input, context)
      return
    }
    const { node, source, globals, signal } = context
    const expected = await expectation(input.expect)
    const watched = expected?.watch(source) ?? source
    const options = { ...input, toCar: input.toCar !== undefined, checkRoots: expected?.check, signal }
    let isEmpty = true
    for await (const event of addAll(node, watched, options)) {
      isEmpty = false
      yield addRecord(event, globals) as Added
    }
    if (isEmpty) throw new Failure('usage', 'expected a file argument')
  },
  receive(outputs, input, caller) {
    return input.toCar === undefined ? outputs : savingCar(outputs, input.toCar, caller)
  },
  async render(outputs, view) {
    await renderAdded(outputs, view)
  },
})

async function* savingCar(outputs: AsyncIterable<Added>, file: string, caller: Caller): AsyncIterable<Added> {
  const { saveCar } = await import('./_car-file.ts')
  yield* saveCar(outputs, file, caller)
}

async function* watching(input: Input<typeof params>, context: Context): AsyncIterable<Added> {
  const { node, globals, signal } = context
  const [{ addWatched, watchedSource }, { addRecord }] = await Promise.all([
    import('../node/importer/watch.ts'),
    import('../node/importer/add-record.ts'),
  ])
  for await (const event of addWatched(node, watchedSource(context.source), { ...input, toCar: false, signal })) {
    if ('published' in event) yield { Name: '', Ipns: event.published }
    else if ('unpublished' in event) yield { Name: '', Unpublished: event.unpublished }
    else yield addRecord(event, globals)
  }
}

function checkWatch(input: Input<typeof params>): void {
  if (!input.watch) {
    if (input.ipns !== undefined) throw new Failure('usage', '--ipns is for --watch', { hint: PUBLISH_HINT })
    return
  }
  const { toCar, toFiles, expect, provide } = input
  if (provide === 'wait') throw new Failure('usage', 'watch and provide=wait options are not compatible')
  const other =
    toCar !== undefined ? 'to-car' : toFiles !== undefined ? 'to-files' : expect !== undefined ? 'expect' : ''
  if (other !== '') throw new Failure('usage', `watch and ${other} options are not compatible`)
}

const PUBLISH_HINT = 'publish what was added with: tsipfs name publish --key=KEY CID'

function checkCarFile({ toCar, onlyHash }: { toCar: string | undefined; onlyHash: boolean }): void {
  if (toCar === undefined) return
  if (onlyHash) {
    throw new Failure('usage', 'only-hash and to-car options are not compatible', {
      hint: 'for a CAR without a repo: tsipfs --repo-dir :temp: add --to-car FILE',
    })
  }
  if (toCar !== '' && toCar !== '-') return
  throw new Failure('usage', '--to-car wants the name of a file: standard output has the CIDs', {
    hint: 'tsipfs dag export writes a CAR to standard output',
  })
}

async function expectation(text: string | undefined) {
  if (text === undefined) return undefined
  const { expectationOf } = await import('../node/importer/expect.ts')
  return expectationOf(text)
}

async function renderAdded(outputs: AsyncIterable<Added>, view: View<typeof params>): Promise<void> {
  const { input, out, progress, lineEnd } = view
  const lines = new LineWriter(out, lineEnd)
  const named = nameText(lineEnd)
  let last: string | undefined
  let before = 0
  let current = 0
  try {
    for await (const { Name, Hash, Bytes = 0, Total, Ipns, Unpublished } of outputs) {
      if (Ipns !== undefined || Unpublished !== undefined) {
        await view.err.write(Ipns === undefined ? `not published: ${Unpublished}\n` : `published to ${Ipns}\n`)
        continue
      }
      if (Hash === undefined) {
        if (input.quiet || input.quieter) continue
        // Each file begins at 0 again.
        if (Bytes < current) before += current
        current = Bytes
        const total = Total === undefined ? undefined : before + Total
        progress.update({ label: escapeName(Name), done: before + Bytes, total, unit: 'bytes' })
        continue
      }
      last = Hash
      if (input.quieter && !input.watch) continue
      await progress.clear()
      const wait = lines.write(input.quiet || input.quieter ? Hash : `added ${Hash} ${named(Name)}`)
      if (wait !== undefined) await wait
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.data?.done === undefined) throw error
    await finish()
    throw error
  }
  await finish()

  async function finish(): Promise<void> {
    await progress.clear()
    if (input.quieter) lines.write(last ?? '')
    await lines.flush()
  }
}
