/** What `repo import-kubo` takes out of a repo of Kubo whose files only Kubo reads: all of it, however often it is interrupted. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { ended, Place, printed, seeded } from './program.ts'

const SKIP = KUBO === undefined ? 'KUBO_BIN names no Kubo' : false
/** Progress is told after 1,024 blocks: much is left to do then. */
const BLOCKS = 6000
const BLOCK_BYTES = 256
const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

/** Starts Kubo on a repo that holds files, pins with names, an MFS and keys. */
async function filledKubo(profile: string): Promise<{ kubo: Daemon; root: string; direct: string }> {
  const kubo = await Daemon.start({
    program: KUBO ?? '',
    profile: `${profile},test`,
    args: ['--offline'],
    config: { 'Addresses.API': LOOPBACK, 'Addresses.Gateway': LOOPBACK, 'Gateway.NoFetch': true },
  })
  const { place } = kubo
  mkdirSync(place.path('tree'))
  writeFileSync(place.path('tree/small'), seeded(BLOCKS * BLOCK_BYTES, 1))
  writeFileSync(place.path('tree/hello'), 'hello\n')
  const name = '--pin-name=the "tree" über'
  const root = await kubo.ok(['add', '-rQ', `--chunker=size-${BLOCK_BYTES}`, name, 'tree'])
  const direct = await kubo.ok(['add', '-Q', '--pin=false', '--cid-version=1', 'tree/hello'])
  await kubo.ok(['pin', 'add', '--recursive=false', '--name=only this', direct])
  await kubo.ok(['files', 'mkdir', '-p', '/a/b'])
  await kubo.ok(['files', 'cp', `/ipfs/${root}`, '/a/b/tree'])
  await kubo.ok(['key', 'gen', 'one'])
  await kubo.ok(['key', 'gen', '--type=rsa', 'two'])
  return { kubo, root, direct }
}

const sorted = (text: string): string[] => text.split('\n').sort()

for (const profile of ['pebbleds', 'badgerds']) {
  test(`everything in a repo of Kubo with ${profile} is moved`, { skip: SKIP }, async () => {
    const { kubo, root, direct } = await filledKubo(profile)
    await using _ = kubo
    using ours = new Place()
    await ours.ok(['repo', 'import-kubo', kubo.place.repo])
    for (const words of [
      ['pin', 'ls', '--type=recursive', '--names'],
      ['pin', 'ls', '--type=direct', '--names'],
      ['files', 'stat', '--hash', '/'],
      ['config', 'Gateway.NoFetch'],
    ]) {
      assert.deepEqual(sorted(await ours.ok(words)), sorted(await kubo.ok(words)), words.join(' '))
    }
    const keys = async (of: Pick<Place, 'ok'>) =>
      sorted(await of.ok(['key', 'list', '-l'])).filter(key => key.trimEnd().split(' ').at(-1) !== 'self')
    assert.deepEqual(await keys(ours), await keys(kubo))
    assert.equal((await keys(ours)).length, 2)
    await ours.ok(['get', '--offline', '-o', 'out', root])
    for (const file of ['small', 'hello']) {
      assert.deepEqual(readFileSync(ours.path('out', file)), readFileSync(kubo.place.path('tree', file)))
    }
    assert.equal(await ours.ok(['cat', '--offline', direct]), 'hello')
    await ours.ok(['pin', 'verify'])
    assert.match(await ours.ok(['repo', 'import-kubo', kubo.place.repo]), /^blocks {3}0 copied/)
  })
}

test('an import goes on after it was killed, and after the daemon of Kubo has ended', { skip: SKIP }, async () => {
  const { kubo, root } = await filledKubo('pebbleds')
  await using _ = kubo
  using ours = new Place()
  const words = ['--progress=plain', 'repo', 'import-kubo', kubo.place.repo]

  const killed = ours.start(words)
  killed.stdin.end()
  const over = ended(killed)
  await printed(killed, /blocks/)
  killed.kill('SIGKILL')
  assert.equal((await over).status, 137)

  const left = ours.start(words)
  left.stdin.end()
  const leftAlone = ended(left)
  await printed(left, /blocks/)
  await kubo.kill()
  const { status, stderr } = await leftAlone
  assert.equal(status, 12, stderr)
  assert.doesNotMatch(stderr, /damaged/)
  assert.match(stderr, /its daemon does not run/)

  await kubo.restart()
  const summary = await ours.ok(words)
  const [, copied = '', present = ''] = /(\d+) copied \(\d+ bytes\), (\d+) here already/.exec(summary) ?? []
  assert.ok(Number(present) >= 1024, summary)
  assert.ok(Number(copied) > 0, summary)
  assert.match(await ours.ok(['pin', 'ls', '--names', root]), /the "tree" über/)
  await ours.ok(['pin', 'verify'])
})
