import { totalmem } from 'node:os'
import { parseByteSize } from '../repo/config-values.ts'
import type { Config } from '../repo/roles.ts'
import { valueAt } from './network/settings.ts'

const MIB = 1024 * 1024
/** A node that may use no more gives up speed for memory. */
const SMALL_BYTES = 256 * MIB
const SMALL_FETCH_AHEAD_BYTES = 4 * MIB

/** Returns what the network may use: `Swarm.ResourceMgr.MaxMemory`, else half of what the machine has. */
export function memoryBudget(config: Config): number {
  const asked = valueAt(config, 'Swarm.ResourceMgr.MaxMemory')
  return asked === undefined ? totalmem() / 2 : parseByteSize(String(asked))
}

/** Returns true when memory is dearer here than speed: as the profile `lowpower` says, or on a machine that has little. */
export function isSmall(config: Config): boolean {
  return memoryBudget(config) <= SMALL_BYTES
}

/** Returns how many bytes of a fetch may wait for their turn; undefined where the usual many may. */
export function fetchAheadBytes(config: Config): number | undefined {
  return isSmall(config) ? SMALL_FETCH_AHEAD_BYTES : undefined
}
