import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import { durationAt, flagAt, numberAt, textAt, valueAt } from './settings.ts'

/** Which blocks are provided, and again and again: a union of these; `all` stands alone. */
export type ProvideSource = 'all' | 'pinned' | 'roots' | 'mfs'

export interface ProvideSettings {
  readonly isEnabled: boolean
  /** As the config has it, for comparison with what it was. */
  readonly strategy: string
  readonly sources: ReadonlySet<ProvideSource>
  /** 0: nothing is provided again. */
  readonly intervalMs: number
  readonly workers: number
  readonly workersPeriodic: number
  readonly workersBurst: number
  readonly connectionsPerWorker: number
  /** `Provide.DHT.SweepEnabled`: what is provided again is, region by region, spread over the interval. */
  readonly isSweeping: boolean
}

const INTERVAL_DEFAULT_MS = 22 * 3_600_000
/** How long provider records count: they are to be renewed before. */
const VALIDITY_MS = 48 * 3_600_000
const BLOOM_RATE_MIN = 1_000_000

/** Returns the settings in `Provide.*`. Throws `failed`, in Kubo's words, for what cannot be. */
export function provideSettings(config: Config): ProvideSettings {
  const strategy = textAt(config, 'Provide.Strategy') ?? 'all'
  const intervalMs = durationAt(config, 'Provide.DHT.Interval', INTERVAL_DEFAULT_MS)
  if (intervalMs > VALIDITY_MS) {
    const [interval, validity] = [formatDuration(intervalMs), formatDuration(VALIDITY_MS)]
    const limit = `must be less than or equal to DHT provider record validity (${validity})`
    throw refused(`Provide.DHT.Interval (${interval}) ${limit}`)
  }
  if (intervalMs < 0) throw refused(`Provide.DHT.Interval must be non-negative, got ${formatDuration(intervalMs)}`)
  if (intervalMs === 0 && valueAt(config, 'Provide.Enabled') === undefined) {
    throw refused(
      'Provide.DHT.Interval=0 no longer disables the provide system on its own; set Provide.Enabled explicitly',
    )
  }
  if (numberAt(config, 'Provide.BloomFPRate', BLOOM_RATE_MIN) < BLOOM_RATE_MIN) {
    throw refused(`Provide.BloomFPRate must be >= ${BLOOM_RATE_MIN} (1 in 1M)`)
  }
  const count = (name: string, initial: number, min: number): number => {
    const value = numberAt(config, `Provide.DHT.${name}`, initial)
    if (value >= min) return value
    throw refused(`Provide.DHT.${name} must be ${min === 0 ? 'non-negative' : 'positive'}, got ${value}`)
  }
  return {
    isEnabled: flagAt(config, 'Provide.Enabled', true),
    strategy,
    sources: sourcesOf(strategy),
    intervalMs,
    workers: count('MaxWorkers', 16, 1),
    workersPeriodic: count('DedicatedPeriodicWorkers', 2, 0),
    workersBurst: count('DedicatedBurstWorkers', 1, 0),
    connectionsPerWorker: count('MaxProvideConnsPerWorker', 20, 1),
    isSweeping: flagAt(config, 'Provide.DHT.SweepEnabled', true),
  }
}

/**
 * Reads `Provide.Strategy`. `unique` and `entities` are taken: each block is provided once in any case, and of entities
 * the blocks below them too.
 */
function sourcesOf(strategy: string): Set<ProvideSource> {
  const sources = new Set<ProvideSource>()
  let isDeduplicated = false
  for (const token of strategy.split('+')) {
    if (token === 'all' || token === 'flat') sources.add('all')
    else if (token === 'pinned' || token === 'roots' || token === 'mfs') sources.add(token)
    else if (token === 'unique' || token === 'entities') isDeduplicated = true
    else if (token === '') throw refused(`Provide.Strategy: invalid provide strategy: empty token in "${strategy}"`)
    else throw refused(`Provide.Strategy: unknown provide strategy token: "${token}" in "${strategy}"`)
  }
  if (sources.has('all') && (sources.size > 1 || isDeduplicated)) {
    throw refused(`Provide.Strategy: "all" strategy cannot be combined with other strategies in "${strategy}"`)
  }
  if (isDeduplicated && !sources.has('pinned') && !sources.has('mfs')) {
    throw refused(`Provide.Strategy: +unique/+entities must combine with pinned and/or mfs in "${strategy}"`)
  }
  if (isDeduplicated && sources.has('roots')) {
    throw refused(`Provide.Strategy: +unique/+entities is incompatible with roots in "${strategy}"`)
  }
  return sources
}

function refused(text: string): Failure {
  return new Failure('failed', `invalid configuration: ${text}`)
}
