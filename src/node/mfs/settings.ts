import { Failure } from '../../contract/failure.ts'
import { parseByteSize } from '../../repo/config-values.ts'
import type { Config } from '../../repo/roles.ts'
import type { DirectoryRules, SizeEstimation } from '../directory-size.ts'
import type { FileFormat } from '../file-layout.ts'
import { hashCode, SHA2_256 } from '../hash.ts'
import type { CidFormat } from './format.ts'
import type { TreeSettings } from './tree.ts'

const ESTIMATIONS: readonly string[] = ['links', 'block', 'disabled']

/** Returns what the `Import` section of the config says about folders. */
export function treeSettings(config: Config): TreeSettings {
  return { rules: directoryRules(config), format: importFormat(config) }
}

/** Returns when folders are sharded, by the `Import` section of the config. */
export function directoryRules(config: Config): DirectoryRules {
  const settings = importSection(config)
  const estimation = textOf(settings.UnixFSHAMTDirectorySizeEstimation) ?? 'links'
  if (!ESTIMATIONS.includes(estimation)) {
    throw new Failure('failed', `Import.UnixFSHAMTDirectorySizeEstimation must be links, block or disabled`)
  }
  // Its name of old, which goes before, as in Kubo.
  const threshold = recordOf(config.Internal).UnixFSShardingSizeThreshold ?? settings.UnixFSHAMTDirectorySizeThreshold
  const text = textOf(threshold)
  return {
    thresholdBytes: (text === undefined ? numberOf(threshold) : parseByteSize(text)) ?? 262_144,
    estimation: estimation as SizeEstimation,
    maxLinks: numberOf(settings.UnixFSDirectoryMaxLinks) ?? 0,
    fanout: numberOf(settings.UnixFSHAMTDirectoryMaxFanout) ?? 256,
  }
}

/** Returns the format of new CIDs, by the `Import` section of the config. */
export function importFormat(config: Config): CidFormat {
  const settings = importSection(config)
  const hash = textOf(settings.HashFunction)
  const code = hash === undefined ? SHA2_256 : hashCode(hash)
  const version = versionOf(numberOf(settings.CidVersion) ?? 0)
  return { version: code === SHA2_256 ? version : 1, hashCode: code }
}

function versionOf(version: number): 0 | 1 {
  if (version === 0 || version === 1) return version
  throw new Failure('usage', `unknown CID version: ${version}`)
}

/** Returns the format that options ask for; undefined when neither is given. As in Kubo, whoever names a hash gets CIDv1. */
export function cidFormat(version: number | undefined, hash: string | undefined): CidFormat | undefined {
  if (version === undefined && hash === undefined) return undefined
  const asked = versionOf(version ?? 0)
  return hash === undefined ? { version: asked, hashCode: SHA2_256 } : { version: 1, hashCode: hashCode(hash) }
}

/** How files are imported, but for what an existing file says itself. */
export interface FileSettings extends Pick<FileFormat, 'chunker' | 'layout' | 'maxLinks'> {
  /** Undefined when it follows from the CID version. */
  readonly rawLeaves: boolean | undefined
  /** True when the config names the layout: then files of MFS have it too, whatever Kubo makes of them. */
  readonly layoutNamed: boolean
}

function layoutOf(name: string): FileFormat['layout'] {
  if (name === 'balanced' || name === 'trickle') return name
  throw new Failure('failed', `Import.UnixFSDAGLayout must be "balanced" or "trickle", got "${name}"`)
}

const FILE_LINKS_DEFAULT = 174

/** Returns how `add` would import a file, by the `Import` section of the config. */
export function fileSettings(config: Config): FileSettings {
  const settings = importSection(config)
  const rawLeaves = settings.UnixFSRawLeaves
  return {
    chunker: textOf(settings.UnixFSChunker) ?? 'size-262144',
    layoutNamed: textOf(settings.UnixFSDAGLayout) !== undefined,
    layout: layoutOf(textOf(settings.UnixFSDAGLayout) ?? 'balanced'),
    maxLinks: numberOf(settings.UnixFSFileMaxLinks) || FILE_LINKS_DEFAULT,
    rawLeaves: typeof rawLeaves === 'boolean' ? rawLeaves : undefined,
  }
}

/** Returns the CID version and the name of the hash function in the `Import` section of the config. */
export function importSettings(config: Config): { cidVersion: number | undefined; hash: string | undefined } {
  const settings = importSection(config)
  return { cidVersion: numberOf(settings.CidVersion), hash: textOf(settings.HashFunction) }
}

function importSection(config: Config): Record<string, unknown> {
  return recordOf(config.Import)
}

function recordOf(section: unknown): Record<string, unknown> {
  return typeof section === 'object' && section !== null && !Array.isArray(section)
    ? (section as Record<string, unknown>)
    : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined
}
