import type { Config } from '../../repo/roles.ts'
import { AddressFilters } from './filters.ts'
import { textsAt } from './settings.ts'

/** Throws a `usage` Failure for a text that is no mask. */
export function checkMasks(masks: readonly string[]): void {
  new AddressFilters(masks)
}

/** Returns `Swarm.AddrFilters`. */
export function filtersOf(config: Config): string[] {
  return textsAt(config, 'Swarm.AddrFilters')
}

/** Returns a config with these filters. */
export function putFilters(config: Config, filters: readonly string[]): Config {
  const { Swarm } = config
  const section = typeof Swarm === 'object' && Swarm !== null ? Swarm : {}
  return { ...config, Swarm: { ...section, AddrFilters: filters.length === 0 ? null : filters } }
}
