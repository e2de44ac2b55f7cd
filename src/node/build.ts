import { VERSION } from '../contract/version.ts'

/** Set by the build (`scripts/prepare.mjs`); absent when the source itself runs. */
declare const TSIPFS_COMMIT: string | undefined

/** The commit that this program was built from; empty when it is not known. */
export const COMMIT: string = typeof TSIPFS_COMMIT === 'string' ? TSIPFS_COMMIT : ''

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

/** Returns the architecture as Go names it: `amd64`. */
export function architecture(): string {
  return ARCHITECTURES[process.arch] ?? process.arch
}

/** Returns the name and version of the runtime: `bun1.4.5`. */
export function runtime(): string {
  const { bun } = process.versions
  return bun === undefined ? `node${process.versions.node}` : `bun${bun}`
}

export interface Dependency {
  readonly Path: string
  readonly Version: string
  readonly ReplacedBy: string
  readonly Sum: string
}

/** Returns this program and the packages that it is made of. */
export async function dependencies(): Promise<Dependency[]> {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
  const packages = Object.entries(manifest.dependencies).sort(([one], [other]) => (one < other ? -1 : 1))
  return [['tsipfs', VERSION], ...packages].map(([Path = '', Version = '']) => ({
    ...{ Path, Version, ReplacedBy: '', Sum: '' },
  }))
}
