import type { ProvideStat } from '../node/network/network.ts'
import type { SweepState } from '../node/network/sweep.ts'
import { inBoth, inSi, shortDuration, timeText, withCommas } from './_human.ts'
import { alignColumns } from './_table.ts'

const NO_TIME = '0001-01-01T00:00:00Z'
const NS_PER_MS = 1_000_000
const REPLICATION = 20
/** Kubo warns of few workers below this. */
const WORKERS_LOW = 2

/** Which sections are shown. None: the short form. */
export interface StatSections {
  readonly all: boolean
  readonly compact: boolean
  readonly connectivity: boolean
  readonly queues: boolean
  readonly schedule: boolean
  readonly timings: boolean
  readonly network: boolean
  readonly operations: boolean
  readonly workers: boolean
}

/** Returns statistics in Kubo's form: those of its sweeping provider, or of the one before. */
export function provideStatRecord(stat: ProvideStat) {
  const averageMs = stat.provided === 0 ? 0 : stat.durationMs / stat.provided
  if (!stat.settings.isSweeping) {
    const perKeyMs = stat.lastReprovideKeys === 0 ? 0 : stat.lastReprovideDurationMs / stat.lastReprovideKeys
    const Legacy = {
      TotalReprovides: stat.reprovided,
      LastReprovideBatchSize: stat.lastReprovideKeys,
      ReprovideInterval: stat.settings.intervalMs * NS_PER_MS,
      AvgReprovideDuration: Math.round(perKeyMs * NS_PER_MS),
      LastReprovideDuration: Math.round(stat.lastReprovideDurationMs * NS_PER_MS),
      LastRun: timeOrNone(stat.lastReprovide),
    }
    return { Sweep: null, Legacy, FullRT: false }
  }
  return { Sweep: sweepRecord(stat, averageMs), Legacy: null, FullRT: false }
}

export type ProvideStatRecord = ReturnType<typeof provideStatRecord>
type Sweep = ReturnType<typeof sweepRecord>

function sweepRecord(stat: ProvideStat, averageMs: number) {
  const { settings } = stat
  const now = Date.now()
  const sweep = sweepOf(stat)
  const begun = sweep?.cycleStart ?? stat.lastReprovide ?? stat.startedAt
  // After the first cycle, which is not spread, the next one is set for later: until then the first is the current one.
  const cycle = begun > now ? begun - settings.intervalMs : begun
  const active = Math.min(stat.ongoing, settings.workers)
  const activePeriodic = Math.min(stat.reproviding, settings.workers)
  const next = settings.intervalMs === 0 ? undefined : (sweep?.nextAt ?? cycle + settings.intervalMs)
  const regionsLast = Math.max(1, sweep?.cycleRegions ?? 1)
  const workers = {
    max: settings.workers,
    active: Math.min(settings.workers, active + activePeriodic),
    active_periodic: activePeriodic,
    active_burst: active,
    dedicated_periodic: settings.workersPeriodic,
    dedicated_burst: settings.workersBurst,
    queued_periodic: 0,
    queued_burst: 0,
    max_provide_conns_per_worker: settings.connectionsPerWorker,
  }
  return {
    closed: false,
    connectivity: {
      status: stat.connectedSince === undefined ? 'offline' : 'online',
      since: timeOrNone(stat.connectedSince),
    },
    queues: {
      pending_key_provides: stat.queued,
      pending_region_provides: 0,
      pending_region_reprovides: next !== undefined && sweep !== undefined && next < now ? 1 : 0,
    },
    schedule: {
      keys: stat.scheduled,
      regions: sweep?.regions ?? 0,
      avg_prefix_length: sweep?.bits ?? -1,
      next_reprovide_at: timeOrNone(stat.connectedSince === undefined ? undefined : next),
      next_reprovide_prefix: sweep?.nextPrefix ?? '',
    },
    workers,
    timing: {
      uptime: Math.round((now - stat.startedAt) * NS_PER_MS),
      reprovides_interval: settings.intervalMs * NS_PER_MS,
      cycle_start: timeOrNone(cycle),
      current_time_offset: Math.round((now - cycle) * NS_PER_MS),
      max_reprovide_delay: 3_600_000 * NS_PER_MS,
    },
    operations: {
      ongoing: {
        region_provides: 0,
        key_provides: stat.ongoing,
        region_reprovides: sweep?.isProviding === true ? 1 : 0,
        key_reprovides: stat.reproviding,
      },
      past: {
        records_provided: stat.records,
        keys_provided: stat.provided + stat.reprovided,
        keys_failed: stat.failed,
        keys_provided_per_minute: averageMs === 0 ? 0 : 60_000 / averageMs,
        keys_reprovided_per_minute: perMinute(stat.lastReprovideKeys, stat.lastReprovideDurationMs),
        reprovide_duration: Math.round((stat.lastReprovideDurationMs / regionsLast) * NS_PER_MS),
        avg_keys_per_reprovide: stat.lastReprovideKeys / regionsLast,
        regions_reprovided_last_cycle: sweep?.cycleRegions ?? 0,
      },
    },
    network: {
      peers: sweep?.peers ?? 0,
      reachable: sweep?.reached ?? 0,
      complete_keyspace_coverage: sweep !== undefined && sweep.bits === 0 && sweep.peers > 0,
      avg_region_size: sweep?.regionPeers ?? 0,
      avg_holders: stat.provided + stat.reprovided === 0 ? 0 : stat.records / (stat.provided + stat.reprovided),
      replication_factor: REPLICATION,
    },
  }
}

/** Of the two DHTs the one with more peers tells how it goes. */
function sweepOf({ sweeps }: ProvideStat): SweepState | undefined {
  return sweeps.toSorted((one, other) => other.peers - one.peers || other.regions - one.regions)[0]
}

/** Returns statistics as text, as Kubo lays them out. */
export function provideStatText(record: ProvideStatRecord, sections: StatSections): string {
  if (record.Legacy !== null) return legacyText(record.Legacy)
  const given = sectionsGiven(sections)
  const layout = new Layout(sections, given === 0, given > 1 || sections.all)
  connectivity(layout, record.Sweep)
  queues(layout, record.Sweep)
  schedule(layout, record.Sweep)
  timings(layout, record.Sweep)
  network(layout, record.Sweep)
  operations(layout, record.Sweep)
  workers(layout, record.Sweep)
  return layout.text()
}

/** Returns how many sections are asked for. */
export function sectionsGiven(sections: StatSections): number {
  const { all, connectivity, queues, schedule, timings, network, operations, workers } = sections
  return [all, connectivity, queues, schedule, timings, network, operations, workers].filter(Boolean).length
}

/** Takes lines for one column, or with --compact for two. */
class Layout {
  readonly sections: StatSections
  readonly isBrief: boolean
  readonly indent: string
  readonly #isTwoColumns: boolean
  readonly #showsTitles: boolean
  readonly #columns: [string[], string[]] = [[], []]

  constructor(sections: StatSections, isBrief: boolean, showsTitles: boolean) {
    this.sections = sections
    this.isBrief = isBrief
    this.#isTwoColumns = sections.all && sections.compact
    this.#showsTitles = !isBrief && showsTitles
    this.indent = this.#showsTitles ? '  ' : ''
  }

  get isTwoColumns(): boolean {
    return this.#isTwoColumns
  }

  title(column: 0 | 1, text: string): void {
    if (this.#showsTitles) this.#add(column, `${text}:`)
  }

  line(column: 0 | 1, text: string): void {
    this.#add(column, this.indent + text)
  }

  /** Adds a line that is laid out already. */
  row(text: string): void {
    this.#columns[0].push(this.indent + text)
  }

  blank(column: 0 | 1): void {
    if (!this.isBrief) this.#add(column, '')
  }

  text(): string {
    const [left, right] = this.#columns
    if (!this.#isTwoColumns) {
      const lines = this.isBrief ? left : left.slice(0, -1)
      return lines.length === 0 ? '' : `${alignColumns(lines, 1).join('\n')}\n`
    }
    const width = Math.max(...left.map(line => line.length)) + 2
    const rows: string[] = []
    for (let at = 0; at < Math.max(left.length, right.length) - 1; at += 1) {
      rows.push(`${(left[at] ?? '').padEnd(width)} ${right[at] ?? ''}`)
    }
    return `${alignColumns(rows, 1).join('\n')}\n`
  }

  #add(column: 0 | 1, text: string): void {
    if (this.#isTwoColumns) this.#columns[column].push(text)
    else this.#columns[0].push(text.replace(': ', ':\t').replace(', ', ',\t'))
  }
}

function connectivity(layout: Layout, { connectivity }: Sweep): void {
  const { sections, isBrief } = layout
  if (!sections.all && !sections.connectivity && !(isBrief && connectivity.status !== 'online')) return
  layout.title(1, 'Connectivity')
  const since = connectivity.since === NO_TIME ? '' : ` (${timeText(Date.parse(connectivity.since))})`
  layout.line(1, `Status: ${connectivity.status}${since}`)
  layout.blank(1)
}

function queues(layout: Layout, { queues }: Sweep): void {
  if (!layout.sections.all && !layout.sections.queues && !layout.isBrief) return
  const { pending_key_provides, pending_region_provides, pending_region_reprovides } = queues
  layout.title(1, 'Queues')
  layout.line(1, `Provide queue: ${inSi(pending_key_provides, 1)} CIDs, ${inSi(pending_region_provides, 1)} regions`)
  layout.line(1, `Reprovide queue: ${inSi(pending_region_reprovides, 1)} regions`)
  layout.blank(1)
}

function schedule(layout: Layout, { schedule }: Sweep): void {
  if (!layout.sections.all && !layout.sections.schedule && !layout.isBrief) return
  layout.title(0, 'Schedule')
  layout.line(0, `CIDs scheduled: ${inBoth(schedule.keys)}`)
  layout.line(0, `Regions scheduled: ${schedule.regions <= 0 ? 'N/A' : inBoth(schedule.regions)}`)
  if (!layout.isBrief) {
    const isKnown = schedule.next_reprovide_at !== NO_TIME
    const next = isKnown ? timeText(Date.parse(schedule.next_reprovide_at)).slice(11) : 'N/A'
    layout.line(0, `Avg prefix length: ${orNone(schedule.avg_prefix_length)}`)
    layout.line(0, `Next region prefix: ${schedule.next_reprovide_prefix || 'N/A'}`)
    layout.line(0, `Next region reprovide: ${next}`)
  }
  layout.blank(0)
}

function timings(layout: Layout, { timing }: Sweep): void {
  if (!layout.sections.all && !layout.sections.timings) return
  const uptimeMs = timing.uptime / NS_PER_MS
  layout.title(1, 'Timings')
  layout.line(1, `Uptime: ${shortDuration(uptimeMs)} (${timeText(Date.now() - uptimeMs)})`)
  layout.line(1, `Current time offset: ${shortDuration(timing.current_time_offset / NS_PER_MS)}`)
  layout.line(1, `Cycle started: ${timeText(Date.parse(timing.cycle_start))}`)
  layout.line(1, `Reprovide interval: ${shortDuration(timing.reprovides_interval / NS_PER_MS)}`)
  layout.blank(1)
}

function network(layout: Layout, { network }: Sweep): void {
  if (!layout.sections.all && !layout.sections.network && !layout.isBrief) return
  layout.title(0, 'Network')
  layout.line(0, `Avg record holders: ${orNone(network.avg_holders)}`)
  if (layout.isBrief) return
  const share = network.peers > 0 ? ` (${inBoth((100 * network.reachable) / network.peers)}%)` : ''
  layout.line(0, `Peers swept: ${withCommas(network.peers, 0)}`)
  layout.line(0, `Full keyspace coverage: ${network.complete_keyspace_coverage}`)
  layout.line(0, `Reachable peers: ${withCommas(network.reachable, 0)}${share}`)
  layout.line(0, `Avg region size: ${orNone(network.avg_region_size)}`)
  layout.line(0, `Replication factor: ${inBoth(network.replication_factor)}`)
  layout.blank(0)
}

function operations(layout: Layout, { operations: { ongoing, past } }: Sweep): void {
  if (!layout.sections.all && !layout.sections.operations && !layout.isBrief) return
  const { key_provides, region_provides, key_reprovides, region_reprovides } = ongoing
  const durationMs = past.reprovide_duration / NS_PER_MS
  layout.title(1, 'Operations')
  layout.line(1, `Ongoing provides: ${inSi(key_provides, 1)} CIDs, ${inSi(region_provides, 1)} regions`)
  layout.line(1, `Ongoing reprovides: ${inSi(key_reprovides, 1)} CIDs, ${inSi(region_reprovides, 1)} regions`)
  layout.line(1, `Total CIDs provided: ${inBoth(past.keys_provided)}`)
  if (layout.isBrief) return
  layout.line(1, `Total records provided: ${inBoth(past.records_provided)}`)
  layout.line(1, `Total provide errors: ${inBoth(past.keys_failed)}`)
  layout.line(1, `CIDs provided/min/worker: ${orNone(past.keys_provided_per_minute)}`)
  layout.line(1, `CIDs reprovided/min/worker: ${orNone(past.keys_reprovided_per_minute)}`)
  layout.line(1, `Region reprovide duration: ${durationMs <= 0 ? 'N/A' : shortDuration(durationMs)}`)
  layout.line(1, `Avg CIDs/reprovide: ${orNone(past.avg_keys_per_reprovide)}`)
  layout.line(1, `Regions reprovided (last cycle): ${inBoth(past.regions_reprovided_last_cycle)}`)
  layout.blank(1)
}

function workers(layout: Layout, { workers }: Sweep): void {
  const isAsked = layout.sections.all || layout.sections.workers
  const reserved = (dedicated: number, active: number): number => Math.max(0, dedicated - active)
  const burst = Math.max(workers.dedicated_burst, workers.active_burst)
  const periodic = Math.max(workers.dedicated_periodic, workers.active_periodic)
  const free = Math.max(0, workers.max - burst - periodic)
  const availableBurst = free + reserved(workers.dedicated_burst, workers.active_burst)
  const availablePeriodic = free + reserved(workers.dedicated_periodic, workers.active_periodic)
  const isLow = layout.isBrief && (availableBurst <= WORKERS_LOW || availablePeriodic <= WORKERS_LOW)
  if (!isAsked && !isLow) return
  const word = layout.isTwoColumns ? '' : ' workers'
  const row = (label: string, one: number, other: number): void => {
    layout.row(`  ${label.padEnd(14)} ${String(one).padEnd(9)} ${other}`)
  }
  layout.title(0, 'Workers')
  layout.line(0, `Active${word}: ${workers.active} / ${workers.max} (max)`)
  if (layout.isBrief) {
    const { active_periodic, queued_periodic, active_burst, queued_burst } = workers
    layout.line(
      0,
      `Periodic${word}: ${active_periodic} active, ${availablePeriodic} available, ${queued_periodic} queued`,
    )
    layout.line(0, `Burst${word}: ${active_burst} active, ${availableBurst} available, ${queued_burst} queued`)
    return
  }
  layout.line(0, `Free${word}: ${free}`)
  layout.row(`  ${'Workers stats:'.padEnd(14)} ${'Periodic'.padEnd(9)} Burst`)
  row('Active:', workers.active_periodic, workers.active_burst)
  row('Dedicated:', workers.dedicated_periodic, workers.dedicated_burst)
  row('Available:', availablePeriodic, availableBurst)
  row('Queued:', workers.queued_periodic, workers.queued_burst)
  layout.line(0, `Max connections/worker: ${workers.max_provide_conns_per_worker}`)
  layout.blank(0)
}

function legacyText(legacy: NonNullable<ProvideStatRecord['Legacy']>): string {
  const lines = [
    `TotalReprovides:\t${inBoth(legacy.TotalReprovides)}`,
    `AvgReprovideDuration:\t${shortDuration(legacy.AvgReprovideDuration / NS_PER_MS)}`,
    `LastReprovideDuration:\t${shortDuration(legacy.LastReprovideDuration / NS_PER_MS)}`,
  ]
  if (legacy.LastRun !== NO_TIME) lines.push(`LastReprovide:\t${timeText(Date.parse(legacy.LastRun))}`)
  return `${alignColumns(lines, 1).join('\n')}\n`
}

function orNone(value: number): string {
  return value <= 0 ? 'N/A' : withCommas(value, 1)
}

function timeOrNone(ms: number | undefined): string {
  return ms === undefined ? NO_TIME : new Date(ms).toISOString()
}

function perMinute(count: number, ms: number): number {
  return ms === 0 ? 0 : (count * 60_000) / ms
}
