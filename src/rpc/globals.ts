import { parseDuration } from '../contract/duration.ts'
import { Failure } from '../contract/failure.ts'
import { GLOBALS_DEFAULT, type Globals, upgradesCidV0 } from '../contract/globals.ts'
import type { QueryPair } from './query.ts'

/** Options that every request may carry. Kubo knows the first rows; the rest are ours. */
export interface WireGlobals {
  readonly globals: Globals
  /** Time limit of the whole request, in milliseconds. */
  readonly timeoutMs: number | undefined
  readonly encoding: 'json' | 'text'
}

/** Every name that a global option may have in a query. */
export const GLOBAL_NAMES: ReadonlySet<string> = new Set([
  'offline',
  'local',
  'L',
  'cid-base',
  'upgrade-cidv0-in-output',
  'encoding',
  'stream-channels',
  'enc',
  'timeout',
  'lookup-timeout',
  'stall-timeout',
  'lock-timeout',
  'durability',
  'peer',
  'gateway',
])

/** Returns what of the globals goes into a query: all that differs from the defaults. */
export function globalsToQuery(globals: Globals): QueryPair[] {
  if (globals.set.length > 0) {
    throw new Failure('usage', '--set changes the config of this process only, and the command runs in another node', {
      hint: 'leave out --set, or change the config of that node',
    })
  }
  const pairs: QueryPair[] = []
  const duration = (name: string, ms: number, initial: number): void => {
    if (ms !== initial) pairs.push([name, `${ms}ms`])
  }
  if (globals.timeoutMs !== undefined) pairs.push(['timeout', `${globals.timeoutMs}ms`])
  if (globals.offline) pairs.push(['offline', 'true'])
  if (globals.cidBase !== undefined) pairs.push(['cid-base', globals.cidBase])
  if (globals.upgradeCidV0 || globals.cidBase !== undefined) {
    pairs.push(['upgrade-cidv0-in-output', String(globals.upgradeCidV0)])
  }
  duration('lookup-timeout', globals.lookupTimeoutMs, GLOBALS_DEFAULT.lookupTimeoutMs)
  duration('stall-timeout', globals.stallTimeoutMs, GLOBALS_DEFAULT.stallTimeoutMs)
  duration('lock-timeout', globals.lockTimeoutMs, GLOBALS_DEFAULT.lockTimeoutMs)
  if (globals.durability !== 'full') pairs.push(['durability', globals.durability])
  for (const peer of globals.peers) pairs.push(['peer', peer])
  for (const gateway of globals.gateways) pairs.push(['gateway', gateway])
  return pairs
}

const DEFAULTS: WireGlobals = { globals: GLOBALS_DEFAULT, timeoutMs: undefined, encoding: 'json' }

/** Returns the globals of a request. `pairs` are those that the command did not declare itself. Throws `usage` Failures. */
export function globalsFromQuery(pairs: readonly QueryPair[]): WireGlobals {
  if (pairs.length === 0) return DEFAULTS
  const last = (...names: string[]): string | undefined => pairs.findLast(([name]) => names.includes(name))?.[1]
  const isOn = (...names: string[]): boolean => parseFlag(last(...names) ?? 'false', names[0] ?? '')
  const duration = (name: string, initial: number): number => {
    const value = last(name)
    return value === undefined ? initial : parseDuration(value, name)
  }
  isOn('stream-channels')
  const cidBase = last('cid-base') || undefined
  const upgrade = last('upgrade-cidv0-in-output')
  const timeout = last('timeout')
  return {
    globals: {
      ...GLOBALS_DEFAULT,
      offline: isOn('offline', 'local', 'L'),
      cidBase,
      upgradeCidV0: upgradesCidV0(upgrade === undefined ? undefined : isOn('upgrade-cidv0-in-output'), cidBase),
      lookupTimeoutMs: duration('lookup-timeout', GLOBALS_DEFAULT.lookupTimeoutMs),
      stallTimeoutMs: duration('stall-timeout', GLOBALS_DEFAULT.stallTimeoutMs),
      lockTimeoutMs: duration('lock-timeout', GLOBALS_DEFAULT.lockTimeoutMs),
      durability: last('durability') === 'none' ? 'none' : 'full',
      peers: pairs.filter(([name]) => name === 'peer').map(([, value]) => value),
      gateways: pairs.filter(([name]) => name === 'gateway').map(([, value]) => value),
    },
    timeoutMs: timeout === undefined || timeout === '' ? undefined : parseDuration(timeout, 'timeout'),
    encoding: parseEncoding(last('encoding', 'enc')),
  }
}

const TRUE = new Set(['', '1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/** Returns the value of a switch as Go reads it; an empty one is on. Throws a `usage` Failure. */
export function parseFlag(value: string, name: string): boolean {
  if (TRUE.has(value)) return true
  if (FALSE.has(value)) return false
  throw new Failure('usage', `could not convert value "${value}" to type "bool" (for option "-${name}")`)
}

function parseEncoding(value: string | undefined): 'json' | 'text' {
  if (value === undefined || value === '' || value === 'json') return 'json'
  if (value === 'text') return 'text'
  throw new Failure('usage', `invalid encoding: ${value}`, { hint: 'use json or text' })
}
