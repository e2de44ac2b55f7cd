/** `add --provide=wait`: when it ends, others find what was added; its status says whether they do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { Place } from './program.ts'

const BASE = '/dev/shm'

test('what was added with --provide=wait is found at once, with a daemon and without one', {
  timeout: 120_000,
}, async () => {
  await using one = await Daemon.start({ base: BASE })
  await using other = await Daemon.start({ base: BASE })
  await one.connect(other)
  const providers = async (cid: string): Promise<string> => await other.ok(['routing', 'findprovs', '-n', '1', cid])

  const beside = await one.ok(['add', '-Q', '--provide=wait'], { input: 'beside the daemon\n' })
  assert.equal(await providers(beside), one.peer)
  const remote = await one.ok(['--api', `/unix${one.place.repo}/api.sock`, 'add', '-Q', '--provide=wait'], {
    input: 'in the daemon\n',
  })
  assert.equal(await providers(remote), one.peer)
  const fast = await one.ok(['add', '-Q', '--fast-provide-wait', '--fast-provide-dag'], { input: 'as in Kubo\n' })
  assert.equal(await providers(fast), one.peer)
  await one.until(['provide', 'stat', '--template', '{Sweep.queues.pending_key_provides}'], text => text === '0\n')

  // Without a daemon the command itself takes part, as the peer that the daemon of this repo will be.
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const peer = await place.ok(['config', 'Identity.PeerID'])
  const alone = await place.ok(['--peer', other.address, 'add', '-Q', '--provide=wait', '--fast-provide-dag'], {
    input: 'without a daemon\n',
  })
  assert.equal(await providers(alone), peer)
  assert.match(await place.ok(['provide', 'clear']), /^removed 0 items/)

  await other.kill()
  const lonely = await place.run(['--peer', other.address, 'add', '-Q', '--provide=wait'], {
    input: 'nobody hears it\n',
  })
  assert.equal(lonely.status, 5, lonely.stderr)
  assert.match(lonely.stdout, /^Qm/)
  assert.match(await place.ok(['provide', 'clear']), /^removed 1 items/)
})
