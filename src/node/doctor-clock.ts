import type { Waiting } from '../repo/roles.ts'
import { delegatedRouters } from './auto-values.ts'
import type { Finding } from './doctor.ts'
import type { Node } from './node.ts'
import { termsOf } from './open-exchange.ts'

const SERVERS_MAX = 3
const CLOCK_TIMEOUT_MS = 3_000
/** An HTTP date is in whole seconds. */
const DATE_STEP_MS = 1_000
/** Records and certificates do not mind a clock that is off by less. */
const APART_MAX_MS = 30_000

/**
 * Returns how far the clock is from those of the gateways and routers of the config, or of the call; undefined when there
 * are none, or none of them tells the time.
 */
export async function checkOthersClocks(node: Node, { signal }: Waiting): Promise<Finding | undefined> {
  const config = await node.repo.config.read()
  const servers = [...new Set([...termsOf(node, config).gateways, ...delegatedRouters(config)])].slice(0, SERVERS_MAX)
  const limit = AbortSignal.timeout(CLOCK_TIMEOUT_MS)
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit])
  const told = await Promise.all(servers.map(async url => ({ url, aheadMs: await aheadOf(url, stop) })))
  signal?.throwIfAborted()
  const known = told.flatMap(({ url, aheadMs }) => (aheadMs === undefined ? [] : [{ url, aheadMs }]))
  const [nearest] = known.sort((one, other) => Math.abs(one.aheadMs) - Math.abs(other.aheadMs))
  if (nearest === undefined) return undefined
  const { url, aheadMs } = nearest
  const check = 'clock'
  const details = { AheadMs: aheadMs, Server: url, Now: new Date().toISOString() }
  if (Math.abs(aheadMs) <= APART_MAX_MS)
    return { check, state: 'ok', message: `it agrees with that of ${url}`, details }
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const message = `the clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of ${url}`
  return { check, state: 'failed', message, hint: 'set the clock, by NTP for example', details }
}

/** Returns by how much the clock here is ahead of a server's, as far as the server's is known; undefined when it does not say. */
async function aheadOf(url: string, signal: AbortSignal): Promise<number | undefined> {
  const asked = Date.now()
  try {
    // Whatever it answers, it says when.
    const { headers } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal })
    const answered = Date.now()
    const at = Date.parse(headers.get('date') ?? '')
    if (Number.isNaN(at)) return undefined
    // The answer was made in between, and its second may have just begun or be about to end.
    if (asked > at + DATE_STEP_MS) return asked - at - DATE_STEP_MS
    return answered < at ? answered - at : 0
  } catch {
    // Who cannot be reached is told of elsewhere.
    return undefined
  }
}
