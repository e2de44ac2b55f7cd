import { VERSION } from '../contract/version.ts'

/** What `version check` tells, as Kubo does. */
export interface VersionComparison {
  readonly UpdateAvailable: boolean
  readonly RunningVersion: string
  readonly GreatestVersion: string
  readonly PeersSampled: number
  readonly WithGreaterVersion: number
}

/**
 * Compares our version with what others say they run (`tsipfs/0.1.0/…`). Other programs and versions that are not
 * released are left out; we count as one peer ourselves.
 */
export function compareVersions(agents: readonly string[], minPercent: number, running = VERSION): VersionComparison {
  const ours = partsOf(running) ?? [0, 0, 0]
  let greatest = ours
  let sampled = 1
  let greater = 0
  for (const agent of agents) {
    const [name, version = ''] = agent.split('/')
    const parts = name === 'tsipfs' ? partsOf(version) : undefined
    if (parts === undefined) continue
    sampled += 1
    if (compare(parts, ours) > 0) greater += 1
    if (compare(parts, greatest) > 0) greatest = parts
  }
  return {
    UpdateAvailable: greater / sampled >= minPercent / 100,
    RunningVersion: ours.join('.'),
    GreatestVersion: greatest.join('.'),
    PeersSampled: sampled,
    WithGreaterVersion: greater,
  }
}

function partsOf(version: string): number[] | undefined {
  const match = /^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})$/.exec(version)
  return match?.slice(1).map(Number)
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [at, part] of one.entries()) {
    const difference = part - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
