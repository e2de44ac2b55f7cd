/** What the profile for small machines changes: what the daemon serves, how many it knows, what it takes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'

const TIMEOUT_MS = 60_000
/** Memory of its own: what it shares with others (the executable) is not counted. */
const OWN_KIB_MAX = 64 * 1024

function ownKib(pid: number): number {
  return Number(/RssAnon:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
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

  const [usualKib, lowKib] = [ownKib(usual.pid), ownKib(low.pid)]
  t.diagnostic(`memory of its own: ${lowKib} KiB with lowpower, ${usualKib} KiB without`)
  assert.ok(lowKib < OWN_KIB_MAX, `${lowKib} KiB`)
})
