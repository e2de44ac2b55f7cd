/** The promises of the repo, with the program itself: many at once, killed, on full and on read-only disks. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ended, ended, Place, printed, seeded } from './program.ts'

const EMPTY_FOLDER = 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'

/** Returns the CIDs that are pinned recursively, sorted. */
async function pinned(place: Place): Promise<string[]> {
  return (await place.ok(['pin', 'ls', '--type=recursive', '-q'])).split('\n').sort()
}

function makeTree(place: Place, name: string, files: number, seed: number): void {
  mkdirSync(place.path(name, 'sub'), { recursive: true })
  for (let at = 0; at < files; at++) {
    const folder = at % 2 === 0 ? name : join(name, 'sub')
    writeFileSync(
      place.path(folder, `f${at}`),
      seeded(at % 7 === 0 ? 300_000 : 1_000 + at * 4, seed * 1000 + (at % 5 === 0 ? 0 : at)),
    )
  }
}

test('fifty adds at once, some of the same files, while garbage is collected: all done, all pinned, nothing lost', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  for (let at = 0; at < 50; at++) writeFileSync(place.path(`file${at}`), seeded(40_000, at % 35))
  const paused = place.start(['add', '-Q', '--cid-version=1'])
  const before = seeded(600_000, 3000)
  // What it meets is there, and not pinned.
  await place.ok(['add', '-Q', '--pin=false', '--cid-version=1'], { input: before })
  paused.stdin.write(before)
  const collections: Promise<Ended>[] = [place.run(['repo', 'gc', '-q']), place.run(['repo', 'gc', '-q'])]
  const adds = Array.from({ length: 50 }, (_, at) => place.run(['add', '-Q', '--cid-version=1', `file${at}`]))
  const results = await Promise.all(adds)
  collections.push(place.run(['repo', 'gc', '-q']))
  for (const { status, stderr } of [...results, ...(await Promise.all(collections))]) assert.equal(status, 0, stderr)
  paused.stdin.end(seeded(300_000, 3001))
  const last = await ended(paused)
  assert.equal(last.status, 0, last.stderr)
  const cids = new Set([...results, last].map(({ stdout }) => stdout.trim()))
  assert.deepEqual(await pinned(place), [...cids, EMPTY_FOLDER].sort())
  await place.ok(['repo', 'gc', '-q'])
  assert.match(await place.ok(['repo', 'verify']), /verify complete, all blocks validated/)
  await place.ok(['pin', 'verify', '-q'])
  const whole = spawnSync('cmp', ['-', place.path('file7')], { input: await catBytes(place, results[7]) })
  assert.equal(whole.status, 0)
  assert.ok(readdirSync(join(place.repo, 'packs')).length <= 60)
})

async function catBytes(place: Place, result: Ended | undefined): Promise<Buffer> {
  const child = place.start(['cat', result?.stdout.trim() ?? ''])
  child.stdin.end()
  const parts: Buffer[] = []
  child.stdout.on('data', part => parts.push(part))
  await ended(child)
  return Buffer.concat(parts)
}

test('a loop of small writers fills one pack after another, and leaves few files', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  for (let at = 0; at < 40; at++) await place.ok(['block', 'put'], { input: `block ${at}` })
  assert.ok(readdirSync(join(place.repo, 'packs')).length <= 2)
  assert.equal((await place.ok(['refs', 'local'])).split('\n').length, 41)
})

test('killed at any moment of an add, the repo is whole, and all that was printed is there', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  makeTree(place, 'tree', 300, 1)
  for (let round = 0; round < 20; round++) {
    writeFileSync(place.path('tree', 'round'), `${round}`)
    const child = place.start(['add', '-r', '--quiet', 'tree'])
    child.stdin.end()
    const out = ended(child)
    // The moments are spread over the whole of a run, whose length differs from machine to machine.
    await new Promise(resolve => setTimeout(resolve, 20 + round * 17))
    child.kill('SIGKILL')
    const { stdout } = await out
    const verify = await place.run(['repo', 'verify'])
    assert.equal(verify.status, 0, verify.stderr)
    const pins = await place.run(['pin', 'verify', '-q'])
    assert.equal(pins.status, 0, pins.stderr)
    const root = stdout
      .trim()
      .split('\n')
      .at(299 + 2)
    if (root !== undefined) await place.ok(['refs', '-r', '-u', '--offline', root])
  }
  const cid = await place.ok(['add', '-r', '-Q', 'tree'])
  await place.ok(['get', cid, '-o', 'back'])
  assert.equal(spawnSync('diff', ['-r', place.path('tree'), place.path('back')]).status, 0)
  // What the killed runs left is rubbish, and goes.
  await place.ok(['repo', 'gc', '-q'])
  await place.ok(['pin', 'verify', '-q'])
})

/** Mounts a small file system in memory; undefined where that is not allowed. */
function smallDisk(place: Place, megabytes: number): string | undefined {
  const folder = place.path('disk')
  mkdirSync(folder)
  const result = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tsipfs-test', folder])
  if (result.status !== 0) return undefined
  place.atEnd(() => spawnSync('umount', ['-l', folder]))
  return folder
}

test('a full disk is named in one line, loses nothing, and works again when there is room', async t => {
  using place = new Place()
  const disk = smallDisk(place, 12)
  if (disk === undefined) return t.skip('mounting is not allowed here')
  const env = { TSIPFS_PATH: join(disk, 'repo') }
  await place.ok(['init', '--profile=test'], { env })
  writeFileSync(place.path('small'), seeded(1 << 20, 1))
  writeFileSync(place.path('large'), seeded(40 << 20, 2))
  const small = await place.ok(['add', '-Q', 'small'], { env })
  const full = await place.run(['add', '-Q', 'large'], { env })
  assert.equal(full.status, 1)
  assert.equal(full.stdout, '')
  assert.match(full.stderr, /^Error: .*(no space left on device|disk is full|disk full).*\nhint: .+\n$/i)
  assert.equal((await place.run(['pin', 'verify', '-q'], { env })).status, 0)
  await place.ok(['cat', '--offline', small], { env })
  await place.ok(['repo', 'gc', '-q'], { env })
  writeFileSync(place.path('other'), seeded(2 << 20, 3))
  const other = await place.ok(['add', '-Q', 'other'], { env })
  await place.ok(['refs', '-r', '--offline', other], { env })
  assert.match(await place.ok(['repo', 'verify'], { env }), /all blocks validated/)
})

test('on read-only media all that reads works, also after a kill', async t => {
  using place = new Place()
  const disk = smallDisk(place, 64)
  if (disk === undefined) return t.skip('mounting is not allowed here')
  const env = { TSIPFS_PATH: join(disk, 'repo') }
  await place.ok(['init', '--profile=test'], { env })
  writeFileSync(place.path('file'), seeded(1 << 20, 1))
  const cid = await place.ok(['add', '-Q', 'file'], { env })
  const child = place.start(['add', '-Q'], { env })
  child.stdin.write(seeded(4 << 20, 2))
  await new Promise(resolve => setTimeout(resolve, 300))
  child.kill('SIGKILL')
  await ended(child)
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0)
  for (const args of [
    ['cat', cid],
    ['ls', EMPTY_FOLDER],
    ['pin', 'ls'],
    ['refs', '-r', cid],
    ['repo', 'stat'],
    ['repo', 'verify'],
    ['config', 'show'],
    ['id'],
    ['get', cid, '-o', place.path('got')],
    ['dag', 'stat', cid],
    ['files', 'ls'],
  ]) {
    const { status, stderr } = await place.run(['--offline', ...args], { env })
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
  }
  const write = await place.run(['add', '-Q', 'file'], { env })
  assert.equal(write.status, 1)
  assert.match(write.stderr, /^Error: .*read-only.*\n/)
})

test('memory does not grow with the file', async () => {
  using place = new Place('/dev/shm')
  await place.ok(['init', '--profile=test'])
  const start = (await place.run(['version'], { measure: true })).peakBytes
  writeFileSync(place.path('file'), seeded(300 << 20, 9))
  const add = await place.run(['add', '-Q', 'file'], { measure: true })
  const cid = add.stdout.trim()
  const get = await place.run(['get', cid, '-o', 'got'], { measure: true })
  const car = await place.run(['add', '-Q', '--only-hash', '--chunker=rabin', 'file'], { measure: true })
  for (const [name, { status, peakBytes, stderr }] of Object.entries({ add, get, car })) {
    assert.equal(status, 0, stderr)
    assert.ok(
      peakBytes - start < 150 << 20,
      `${name} took ${Math.round((peakBytes - start) / (1 << 20))} MiB above start`,
    )
  }
  assert.equal(spawnSync('cmp', [place.path('file'), place.path('got')]).status, 0)
})

test('every flipped, cut or missing block is found and named, and adding the file again heals it', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  writeFileSync(place.path('file'), seeded(2 << 20, 5))
  const cid = await place.ok(['add', '-Q', '--cid-version=1', '--pin-name=precious', 'file'])
  const pack = join(place.repo, 'packs', readdirSync(join(place.repo, 'packs')).sort().at(-1) ?? '')
  const bytes = readFileSync(pack)
  bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 1
  writeFileSync(pack, bytes)
  const cat = await place.run(['cat', '--offline', cid])
  assert.equal(cat.status, 6)
  const verify = await place.run(['repo', 'verify'])
  assert.notEqual(verify.status, 0)
  assert.match(`${verify.stdout}${verify.stderr}`, /precious|baf/)
  assert.equal(await place.ok(['add', '-Q', '--cid-version=1', 'file']), cid)
  assert.match(await place.ok(['repo', 'verify']), /all blocks validated/)
  await place.ok(['cat', '--offline', cid])
})

test('a DAG with 2^60 paths is a few dozen blocks', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  let cid = await place.ok(['block', 'put'], { input: 'leaf' })
  for (let level = 0; level < 60; level++) {
    const node = JSON.stringify({ a: { '/': cid }, b: { '/': cid } })
    cid = await place.ok(['dag', 'put'], { input: node })
  }
  assert.equal((await place.ok(['refs', '-r', '-u', cid], { timeoutMs: 10_000 })).split('\n').length, 60)
  await place.ok(['pin', 'add', cid], { timeoutMs: 10_000 })
  await place.ok(['dag', 'stat', cid], { timeoutMs: 10_000 })
  await place.ok(['repo', 'gc', '-q'], { timeoutMs: 10_000 })
  assert.equal((await place.run(['dag', 'export', cid], { timeoutMs: 10_000 })).status, 0)
})

test('6,000 nested folders are one line and a status, or work', async () => {
  using place = new Place('/dev/shm')
  await place.ok(['init', '--profile=test'])
  let bytes: Uint8Array = Uint8Array.from([0x0a, 2, 8, 1])
  // A thousand levels are put block by block; the rest would only take longer.
  const files: string[] = []
  mkdirSync(place.path('deep'))
  let cid = ''
  for (let level = 0; level < 6_000; level++) {
    files.push(place.path('deep', `${level}`))
    writeFileSync(files.at(-1) ?? '', bytes)
    const digest = sha256(bytes)
    const link = Uint8Array.from([0x0a, 34, 0x12, 32, ...digest, 0x12, 1, 0x64, 0x18, 1])
    bytes = Uint8Array.from([0x12, link.length, ...link, 0x0a, 2, 8, 1])
  }
  for (let at = 0; at < files.length; at += 500) {
    const put = await place.ok(['block', 'put', '--cid-codec=dag-pb', ...files.slice(at, at + 500)])
    cid = put.split('\n').at(-1) ?? ''
  }
  for (const args of [
    ['refs', '-r', cid],
    ['ls', cid],
    ['pin', 'add', cid],
    ['dag', 'stat', cid],
    ['get', cid, '-o', 'got'],
  ]) {
    const { status, stderr } = await place.run(args, { timeoutMs: 25_000 })
    assert.ok(status < 70, `${args[0]}: ${status} ${stderr}`)
    if (status !== 0) assert.ok(stderr.split('\n').length <= 3, stderr)
  }
})

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

test('get writes nowhere but in its target', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  const leaf = await place.ok(['block', 'put'], { input: 'evil' })
  for (const name of ['..', '.', '../x', 'a/../../x', '/etc/x', 'a\0b', '']) {
    const node = { Data: { '/': { bytes: 'CAE' } }, Links: [{ Hash: { '/': leaf }, Name: name, Tsize: 4 }] }
    const cid = await place.ok(['dag', 'put', '--store-codec=dag-pb'], { input: JSON.stringify(node) })
    mkdirSync(place.path('in'), { recursive: true })
    const { status, stderr } = await place.run(['get', cid, '-o', 'in/out'], { timeoutMs: 10_000 })
    assert.notEqual(status, 0, name)
    assert.notEqual(status, 70, stderr)
    assert.deepEqual(readdirSync(place.folder).sort(), ['in', 'repo'])
  }
})

test('get never follows a symbolic link that it made, or that lies in the way', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  mkdirSync(place.path('tree/link'), { recursive: true })
  writeFileSync(place.path('tree/link/file'), 'inside')
  const cid = await place.ok(['add', '-r', '-Q', 'tree'])
  mkdirSync(place.path('outside'))
  mkdirSync(place.path('out'))
  spawnSync('ln', ['-s', place.path('outside'), place.path('out/link')])
  const { status } = await place.run(['get', cid, '-o', 'out'])
  assert.deepEqual(readdirSync(place.path('outside')), [])
  if (status === 0) assert.throws(() => readlinkSync(place.path('out/link')))
})

test('a daemon that was killed hinders nobody', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  for (let round = 0; round < 3; round++) {
    const daemon = place.start(['daemon', '--offline'])
    const over = ended(daemon)
    await printed(daemon, /Daemon is ready/)
    daemon.kill('SIGKILL')
    await over
    await place.ok(['add', '-Q'], { input: `round ${round}` })
  }
})
