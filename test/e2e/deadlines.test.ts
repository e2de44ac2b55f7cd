/** Time limits, and what is said when one has passed: in the command itself, beside a daemon, and through `--api`. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { Daemon } from './daemons.ts'
import { type Ended, Place } from './program.ts'
import { RawBitswap } from './raw-bitswap.ts'

const BASE = '/dev/shm'
const NOWHERE = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'

type Run = (args: readonly string[]) => Promise<Ended>

/** A gateway that takes requests and never answers. */
async function silentGateway(): Promise<{ readonly url: string } & Disposable> {
  const server = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Returns the ways in which a command can be run, all of them with a peer that can be asked. */
async function ways(peer: string, daemon: Daemon, place: Place): Promise<readonly [string, Run][]> {
  await place.ok(['init', '--profile=test'])
  await daemon.ok(['swarm', 'connect', peer])
  const api = `/unix${join(daemon.place.repo, 'api.sock')}`
  return [
    ['alone', args => place.run([...args, '--peer', peer])],
    ['beside a daemon', args => daemon.run(args)],
    ['through --api', args => place.run(['--api', api, ...args])],
  ]
}

test('the failure says who was asked, whichever limit it was', { timeout: 120_000 }, async () => {
  await using peer = await Daemon.start({ base: BASE })
  await using daemon = await Daemon.start({ base: BASE })
  using place = new Place(BASE)
  using gateway = await silentGateway()
  for (const [name, run] of await ways(peer.address, daemon, place)) {
    const whole = await run(['cat', '--timeout=2s', '--gateway', gateway.url, NOWHERE])
    assert.equal(whole.status, 4, `${name}: ${whole.stderr}`)
    assert.match(
      whole.stderr,
      /^Error: timed out after 2s \(context deadline exceeded\): asked \d peers?, found 0 providers, asked the gateway, 0 blocks came\nhint: allow more with --timeout\n$/,
      name,
    )
    const json = await run(['pin', 'add', '--json', '--timeout=2s', '--gateway', gateway.url, NOWHERE])
    const failure = JSON.parse(json.stderr)
    assert.deepEqual([json.status, failure.kind], [4, 'timeout'], name)
    assert.match(failure.Message, /asked \d peers?, found 0 providers, asked the gateway/)

    const lookup = await run(['cat', '--lookup-timeout=1s', NOWHERE])
    // Alone nobody else is to come once all have said no: it need not wait so long.
    assert.ok(lookup.status === 4 || (name === 'alone' && lookup.status === 3), `${name}: ${lookup.stderr}`)
    assert.match(lookup.stderr, /was not found.*: asked \d peers?, found 0 providers\nhint: /, name)
  }
})

test('a peer that promises and sends nothing: the limit is that of a stall', { timeout: 120_000 }, async () => {
  await using silent = await RawBitswap.start(({ cid }) => ({ presences: [{ cid, has: true }] }))
  await using daemon = await Daemon.start({ base: BASE })
  using place = new Place(BASE)
  for (const [name, run] of await ways(silent.address, daemon, place)) {
    const stalled = await run(['cat', '--stall-timeout=1s', NOWHERE])
    assert.equal(stalled.status, 4, `${name}: ${stalled.stderr}`)
    assert.match(
      stalled.stderr,
      /^Error: not a byte came for 1s while block \w+ was waited for .*: asked \d peers?/,
      name,
    )
    assert.match(stalled.stderr, /\nhint: allow more with --stall-timeout/)
    const lookup = await run(['cat', '--lookup-timeout=2s', '--timeout=4s', NOWHERE])
    assert.match(lookup.stderr, /^Error: timed out after 4s .*: asked \d peers?/, `${name}: somebody was found`)
  }
})

test('a command that fetches nothing says how long it was given', { timeout: 60_000 }, async () => {
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const child = await place.run(['daemon', 'wait', '--timeout=200ms'])
  assert.equal(child.status, 4)
  assert.equal(
    child.stderr,
    'Error: timed out after 200ms (context deadline exceeded)\nhint: allow more with --timeout\n',
  )
})
