/** What the profile for small machines changes: what the daemon serves, how many it knows, what it takes. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'

const TIMEOUT_MS = 60_000
/** Memory of its own: what it shares with others (the executable) is not counted. */
const OWN_KIB_MAX = 40 * 1024
/** What a fetch may take beside what the daemon took before. */
const FETCH_KIB_MAX = 64 * 1024
const FILE_BYTES = 48 * 1024 * 1024

function kib(pid: number, name: 'RssAnon' | 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

test('lowpower serves nobody but its own commands, in little memory', { timeout: TIMEOUT_MS }, async t => {
  if (process.platform !== 'linux') return t.skip('reads /proc')
  await using usual = await Daemon.start()
  await using low = await Daemon.start({ profile: 'test,lowpower' })
  const protocols = async (daemon: Daemon): Promise<string> => await daemon.ok(['id', '--format=<protocols>'])
  const [usually, lowly] = [await protocols(usual), await protocols(low)]
  assert.match(usually, /\/kad\//)
  assert.doesNotMatch(lowly, /\/kad\/|\/autonat\/|\/circuit\/relay\/0\.2\.0\/hop/)
  const limits = JSON.parse(await low.ok(['config', 'Swarm.ConnMgr'])) as Record<string, unknown>
  assert.deepEqual([limits.LowWater, limits.HighWater], [20, 40])

  // It is a client all the same: it fetches, and gives what it has to those that it is connected to.
  const cid = await usual.ok(['add', '-Q'], { input: 'for a small machine\n' })
  await low.connect(usual)
  assert.equal(await low.ok(['cat', cid]), 'for a small machine')
  const back = await low.ok(['add', '-Q'], { input: 'from a small machine\n' })
  assert.equal(await usual.ok(['cat', back]), 'from a small machine')

  const [usualKib, lowKib] = [kib(usual.pid, 'RssAnon'), kib(low.pid, 'RssAnon')]
  t.diagnostic(`memory of its own: ${lowKib} KiB with lowpower, ${usualKib} KiB without`)
  assert.ok(lowKib < OWN_KIB_MAX, `${lowKib} KiB`)

  const idleKib = kib(low.pid, 'VmRSS')
  const large = await usual.ok(['add', '-Q', '--pin=false', '--chunker=size-1048576'], {
    input: randomBytes(FILE_BYTES),
  })
  await low.ok(['pin', 'add', large])
  const fetchKib = kib(low.pid, 'VmHWM') - idleKib
  t.diagnostic(`a fetch of ${FILE_BYTES / 2 ** 20} MiB: ${fetchKib} KiB more`)
  assert.ok(fetchKib < FETCH_KIB_MAX, `${fetchKib} KiB`)
})

test('the engine of a small daemon compiles nothing, unless the environment says otherwise', {
  timeout: TIMEOUT_MS,
}, async t => {
  if (process.platform !== 'linux') return t.skip('reads /proc')
  const variable = async (options: Parameters<typeof Daemon.start>[0]): Promise<string | undefined> => {
    await using daemon = await Daemon.start(options)
    return /BUN_JSC_useJIT=(\w*)/.exec(readFileSync(`/proc/${daemon.pid}/environ`, 'utf8'))?.[1]
  }
  assert.equal(await variable({}), undefined)
  assert.equal(await variable({ profile: 'test,lowpower' }), '0')
  assert.equal(await variable({ profile: 'test,lowpower', within: ['env', 'BUN_JSC_useJIT=1'] }), '1')
})
