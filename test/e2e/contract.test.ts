/** What scripts rely on whatever the command: streams, statuses, what is loaded, where it stands. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Daemon } from './daemons.ts'
import { DIST, ended, Place, PROGRAM, seeded } from './program.ts'

/** Runs a shell line in which `$TSIPFS` is the program. */
function shell(
  place: Place,
  line: string,
  timeout = 60_000,
): { status: number | null; stdout: string; stderr: string } {
  const env = { PATH: process.env.PATH, HOME: place.folder, TSIPFS_PATH: place.repo, TSIPFS: PROGRAM }
  const result = spawnSync('bash', ['-c', line], { cwd: place.folder, env, encoding: 'utf8', timeout })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

test('a reader that goes away ends the command quietly; a standard output that cannot be written is a failure', async () => {
  using place = new Place()
  writeFileSync(place.path('big'), seeded(8 << 20, 1))
  const cid = await place.ok(['add', '-Q', 'big'])
  const piped = shell(place, `"$TSIPFS" cat ${cid} 2>err | head -c 10 | wc -c; echo "\${PIPESTATUS[0]}"; cat err`)
  assert.equal(piped.stdout, '10\n141\n')
  for (const line of [
    `"$TSIPFS" cat ${cid} > /dev/full`,
    '"$TSIPFS" add -Q big > /dev/full',
    '"$TSIPFS" id > /dev/full',
  ]) {
    const full = shell(place, line)
    assert.equal(full.status, 1, line)
    assert.match(full.stderr, /^Error: .*standard output: no space left on device\n/, line)
  }
  for (const line of [`"$TSIPFS" cat ${cid} >&-`, '"$TSIPFS" add -Q big >&-', '"$TSIPFS" version >&-']) {
    const closed = shell(place, line)
    assert.notEqual(closed.status, 0, line)
    assert.match(closed.stderr, /standard output/, line)
  }
})

/** Command lines that print more than a pipe holds, or at least several lines; $CID is a folder of many files. */
const TALKATIVE = [
  ...['ls $CID', 'refs -r $CID', 'refs local', 'tree $CID', 'du -a $CID', 'pin ls', 'repo ls', 'files ls /many'],
  ...['add -r many', 'get -a -o - $CID', 'dag export --progress=false $CID', 'dag graph $CID', 'ls --json $CID'],
  ...['diff $CID ./few', 'verify --max=1000 few $CID', 'cid codecs', 'commands', 'config show', 'schema'],
  ...["ls --template '{Name}' $CID", 'ls -0 $CID', 'pin ls --stream', 'add --help', 'doctor'],
]

test('every command that prints lines ends quietly when nobody reads them', { timeout: 240_000 }, async () => {
  await using daemon = await Daemon.start({ base: '/dev/shm' })
  using place = new Place('/dev/shm')
  const api = `"$TSIPFS" --api /unix${daemon.place.repo}/api.sock`
  for (const [name, at, program] of [
    ['alone', place, '"$TSIPFS"'],
    ['beside a daemon', daemon.place, '"$TSIPFS"'],
    ['through --api', place, api],
  ] as const) {
    for (const folder of ['many', 'few']) mkdirSync(at.path(folder), { recursive: true })
    for (let nth = 0; nth < 500; nth++) writeFileSync(at.path('many', `file ${nth}`), `${nth}`)
    const cid = shell(at, `${program} add -rQ many`).stdout.trim()
    shell(at, `${program} files cp /ipfs/${cid} /many`)
    // The program starts when the pipe is closed at its other end, so that the first write meets a closed pipe.
    const lines = TALKATIVE.map(
      line =>
        `{ read -r _ <gone; ${program} ${line.replace('$CID', cid)} 2>err; echo "$? ${line.replaceAll("'", '')}" >> statuses; cat err >> errs; } | { exec <&-; echo >gone; }`,
    )
    const done = shell(
      at,
      ['mkfifo gone', ...lines, 'cat errs >&2; cat statuses; rm statuses errs gone'].join('\n'),
      120_000,
    )
    assert.equal(done.stderr, '', name)
    const wrong = done.stdout
      .trim()
      .split('\n')
      .filter(line => !/^(141|0) /.test(line))
    assert.deepEqual(wrong, [], name)
    assert.equal(done.stdout.trim().split('\n').length, TALKATIVE.length, name)
  }
})

test('a repo that ends with its command ends with it, however that ends', { timeout: 60_000 }, async () => {
  using place = new Place('/dev/shm')
  const temporary = place.path('temporary')
  mkdirSync(temporary)
  const options = { env: { TMPDIR: temporary } }
  const left = (): string[] => readdirSync(temporary)
  const words = ['--repo-dir', ':temp:', 'add', '-Q']
  assert.equal((await place.run(words, { ...options, input: 'x' })).status, 0)
  assert.equal((await place.run([...words, 'none'], options)).status, 3)
  assert.equal((await place.run([...words, '--expect=bafkqaaa'], { ...options, input: 'x' })).status, 6)
  assert.deepEqual(left(), [])
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGKILL', 137],
  ] as const) {
    const child = place.start(words, options)
    child.stdin.write('begun')
    while (left().length === 0) await new Promise(resolve => setTimeout(resolve, 10))
    child.kill(signal)
    assert.equal((await ended(child)).status, status)
    assert.equal(left().length, signal === 'SIGKILL' ? 1 : 0, signal)
  }
  // What was killed leaves its repo to the next one to remove.
  assert.equal((await place.run(words, { ...options, input: 'x' })).status, 0)
  assert.deepEqual(left(), [])
})

test('a standard output that is shared with others keeps its mode', () => {
  using place = new Place()
  const both = shell(place, '("$TSIPFS" version; seq 1 200000) | (sleep 0.2; tail -1)')
  assert.deepEqual([both.status, both.stdout.trim(), both.stderr], [0, '200000', ''])
})

test('Ctrl-C ends with 130, SIGTERM with 143, at once and without a word of bugs', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = place.start(['add', '-Q', '--pin=false'])
    child.stdin.write('begun')
    await new Promise(resolve => setTimeout(resolve, 300))
    const since = performance.now()
    child.kill(signal)
    const result = await ended(child)
    assert.equal(result.status, status)
    assert.equal(result.stdout, '')
    assert.doesNotMatch(result.stderr, /bug/)
    assert.ok(performance.now() - since < 2_000)
  }
})

test('a hostile working folder changes nothing', async () => {
  using place = new Place()
  const hostile = place.path('hostile')
  mkdirSync(join(hostile, 'node_modules/multiformats'), { recursive: true })
  writeFileSync(join(hostile, '.env'), `TSIPFS_PATH=${hostile}/wrong\nIPFS_PATH=${hostile}/wrong\nNO_COLOR=1\n`)
  writeFileSync(join(hostile, 'bunfig.toml'), 'preload = ["./evil.ts"]\n')
  writeFileSync(join(hostile, 'evil.ts'), 'console.log("evil"); process.exit(66)\n')
  writeFileSync(join(hostile, 'tsconfig.json'), '{ not json')
  writeFileSync(join(hostile, 'package.json'), '{"type":"commonjs","main":"evil.ts"}')
  writeFileSync(join(hostile, 'node_modules/multiformats/package.json'), '{"name":"multiformats","main":"index.js"}')
  writeFileSync(join(hostile, 'node_modules/multiformats/index.js'), 'process.exit(66)\n')
  const env = { BUN_OPTIONS: '--preload ./evil.ts', BUN_BE_BUN: '1' }
  const { status, stdout, stderr } = await place.run(['add', '-Q'], { cwd: hostile, env, input: 'hello\n' })
  assert.deepEqual([status, stdout, stderr], [0, 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN\n', ''])
  assert.ok(existsSync(place.path('repo/config')))
  assert.equal(existsSync(join(hostile, 'wrong')), false)
})

test('the launcher settles how the executable compiles and allocates, unless that is settled', () => {
  using place = new Place()
  mkdirSync(place.path('bin'))
  mkdirSync(place.path('dist'))
  copyFileSync(join(DIST, '../bin/tsipfs'), place.path('bin/tsipfs'))
  const names = [
    'BUN_JSC_useFTLJIT',
    'BUN_JSC_forceRAMSize',
    'MIMALLOC_ALLOW_THP',
    'BUN_JSC_numberOfGCMarkers',
    'BUN_GC_TIMER_DISABLE',
  ]
  const told = names.map(name => `\${${name}-unset}`).join(' ')
  writeFileSync(place.path('dist/tsipfs'), `#!/bin/sh\necho "${told}"\n`, { mode: 0o755 })
  const settings = (args: string[], env: Record<string, string> = {}): string => {
    const options = { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' } as const
    return spawnSync(place.path('bin/tsipfs'), args, options).stdout.trim()
  }
  // Huge pages are not asked for when many threads want a processor at that moment.
  for (const args of [['refs', '-r', 'x'], ['add', '-r', 'x'], ['version']]) {
    assert.match(settings(args), /^0 268435456 (1|unset) unset unset$/)
  }
  for (const args of [
    ['add', '--chunker=rabin', 'x'],
    ['add', '--hash', 'blake3', 'x'],
    ['pubsub', 'sub', 'x'],
  ]) {
    assert.match(settings(args), /^unset unset (1|unset) unset unset$/)
  }
  assert.equal(settings(['daemon']), 'unset unset unset 1 1')
  assert.equal(
    settings(['version'], { BUN_JSC_useFTLJIT: '1', BUN_JSC_forceRAMSize: '9', MIMALLOC_ALLOW_THP: '0' }),
    '1 9 0 unset unset',
  )
})

/** Returns the source files that a run of the bundle has loaded, by the maps beside its pieces. */
function loadedSources(place: Place, args: readonly string[], input: string): string[] {
  const log = place.path('loaded.txt')
  writeFileSync(log, '')
  const hook = place.path('hook.mjs')
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module'
import { appendFileSync } from 'node:fs'
registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(log)}, url + '\\n'); return next(url, context) } })
`,
  )
  const env = { PATH: process.env.PATH, HOME: place.folder, TSIPFS_PATH: place.repo }
  const command = ['--disable-warning=ExperimentalWarning', '--import', pathToFileURL(hook).href]
  const result = spawnSync(process.execPath, [...command, join(DIST, 'node/main.js'), ...args], {
    ...{ cwd: place.folder, env, input, encoding: 'utf8', timeout: 60_000 },
  })
  assert.equal(result.status, 0, `${args.join(' ')}: ${result.stderr}`)
  const names = readFileSync(log, 'utf8')
    .split('\n')
    .map(url => basename(url))
  return names.flatMap(name => {
    const map = join(DIST, 'node', `${name}.map`)
    return existsSync(map) ? (JSON.parse(readFileSync(map, 'utf8')).sources as string[]) : []
  })
}

test('no local command loads libp2p', async t => {
  if (!existsSync(join(DIST, 'node/main.js'))) return t.skip('the bundle is not built')
  using place = new Place()
  mkdirSync(place.path('dir'))
  writeFileSync(place.path('dir/file'), 'hello\n')
  const hello = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
  const lines = [
    ['version'],
    ['init', '--profile=test'],
    ['add', '-r', 'dir'],
    ['cat', hello],
    ['ls', 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'],
    ['get', hello, '-o', 'out'],
    ['refs', '-r', hello],
    ['pin', 'ls'],
    ['pin', 'verify'],
    ['block', 'put'],
    ['dag', 'stat', hello],
    ['files', 'write', '--create', '/a'],
    ['files', 'ls'],
    ['repo', 'stat'],
    ['repo', 'verify'],
    ['repo', 'gc'],
    ['config', 'show'],
    ['key', 'list'],
    ['id'],
    ['cid', 'format', hello],
  ]
  for (const args of lines) {
    const sources = loadedSources(place, args, 'hello\n')
    assert.ok(sources.length > 5, `${args.join(' ')}: nothing was seen`)
    const network = sources.filter(name =>
      /node_modules\/(libp2p|@libp2p|@chainsafe)\/|src\/node\/network\/start/.test(name),
    )
    assert.deepEqual(network, [], args.join(' '))
  }
})

test('a program that is not built says what to do', () => {
  using place = new Place()
  const root = place.path('clone')
  mkdirSync(join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'bin/tsipfs'), readFileSync(join(import.meta.dirname, '../../bin/tsipfs')), { mode: 0o755 })
  const only = place.path('only')
  mkdirSync(only)
  for (const name of ['sh', 'readlink', 'dirname'])
    spawnSync('ln', ['-s', spawnSync('which', [name]).stdout.toString().trim(), only])
  const result = spawnSync(join(root, 'bin/tsipfs'), ['version'], { env: { PATH: only }, encoding: 'utf8' })
  assert.equal(result.status, 1)
  assert.match(result.stderr, /^tsipfs: not built: run 'npm run build'.*\n$/)
  assert.ok(readdirSync(only).length > 1)
})
