import { join } from 'node:path'

/** The version of the format that this program reads and writes. */
export const FORMAT_VERSION = 1

/** What the `version` file holds: Kubo wants a bare number there, so that it refuses to open the repo. */
export const VERSION_TEXT = `tsipfs ${FORMAT_VERSION}\n`

/** Where everything lies in a repo. This is the one module that knows the names. */
export interface Layout {
  readonly root: string
  readonly version: string
  readonly config: string
  readonly keystore: string
  /** The state database: index, pins, values. Only SQLite opens it. */
  readonly state: string
  /** What SQLite keeps beside it: the log of commits, and the index of the log. */
  readonly stateCompanions: { readonly log: string; readonly index: string }
  readonly rootsLog: string
  readonly packs: string
  /** The blocks of the flatfs profile. */
  readonly flatfs: string
  readonly locks: string
  /** Held shared by every run that writes, alone by repair and migration. Only SQLite opens it. */
  readonly repoLock: string
  /** Held alone by the one collection, backup or compaction that runs. Only SQLite opens it. */
  readonly collectionLock: string
  /** Held alone by the one daemon. Only SQLite opens it. */
  readonly daemonLock: string
  /** Held alone by who changes the config or makes the repo. Only SQLite opens it. */
  readonly configLock: string
  readonly socket: string
}

/** Returns where everything lies in the repo at `root`, an absolute path. */
export function layoutOf(root: string): Layout {
  const locks = join(root, 'locks')
  return {
    root,
    version: join(root, 'version'),
    config: join(root, 'config'),
    keystore: join(root, 'keystore'),
    state: join(root, 'state.sqlite'),
    stateCompanions: { log: join(root, 'state.sqlite-wal'), index: join(root, 'state.sqlite-shm') },
    rootsLog: join(root, 'roots.log'),
    packs: join(root, 'packs'),
    flatfs: join(root, 'blocks'),
    locks,
    repoLock: join(locks, 'repo.lock'),
    collectionLock: join(locks, 'collection.lock'),
    daemonLock: join(locks, 'daemon.lock'),
    configLock: join(locks, 'config.lock'),
    socket: join(root, 'api.sock'),
  }
}

/** Returns the lock file of a slot: who holds it alone may append to the packs of the slot. Only SQLite opens it. */
export function slotLockFile(layout: Layout, slot: number): string {
  return join(layout.locks, `slot-${slot}.lock`)
}

/** Returns the file in which the holder of a slot says since which epoch it lives. */
export function slotEpochFile(layout: Layout, slot: number): string {
  return join(layout.locks, `slot-${slot}.epoch`)
}

/** Returns the slots that were ever held, from the names in the folder of locks. */
export function slotsFromNames(names: readonly string[]): number[] {
  return names.flatMap(name => {
    const match = /^slot-(\d{1,5})\.lock$/.exec(name)
    return match === null ? [] : [Number(match[1])]
  })
}

/** At most so many runs write at once. */
export const SLOTS_MAX = 65_536

const PACK_RANDOM_SPAN = 0x1_0000_0000

/** Returns the number of a pack: its slot above, 32 random bits below. Number 0 is no pack. */
export function packId(slot: number, random: number): number {
  return slot * PACK_RANDOM_SPAN + random
}

/** Returns the slot whose holder may append to a pack. */
export function packSlot(id: number): number {
  return Math.floor(id / PACK_RANDOM_SPAN)
}

/** Returns the smallest and largest number of a slot's packs. */
export function packRange(slot: number): [number, number] {
  return [packId(slot, 0), packId(slot, PACK_RANDOM_SPAN - 1)]
}

/** Returns the path of a pack. */
export function packFile(layout: Layout, id: number): string {
  const random = id % PACK_RANDOM_SPAN
  return join(layout.packs, `${packSlot(id)}-${random.toString(16).padStart(8, '0')}.car`)
}

/** Returns the number of the pack with this file name; undefined for the name of another thing. */
export function packIdFromName(name: string): number | undefined {
  const match = /^(0|[1-9]\d{0,4})-([0-9a-f]{8})\.car$/.exec(name)
  if (match === null) return undefined
  const slot = Number(match[1])
  return slot < SLOTS_MAX ? packId(slot, Number.parseInt(match[2] ?? '', 16)) : undefined
}
