import { Failure } from '../../contract/failure.ts'
import type { Config } from '../../repo/roles.ts'
import type { FileFormat, FileStat } from '../file-layout.ts'
import { hashCode, IDENTITY_BYTES_MAX, SHA2_256 } from '../hash.ts'
import type { CidFormat } from '../mfs/format.ts'
import { directoryRules, fileSettings, importSettings } from '../mfs/settings.ts'
import type { DirectoryFormat } from './build-directory.ts'
import { type Chunking, parseChunker } from './chunk.ts'

/** What `add` is asked for; undefined where the config decides. */
export interface ImportOptions {
  readonly chunker: string | undefined
  readonly trickle: boolean | undefined
  readonly rawLeaves: boolean | undefined
  readonly cidVersion: number | undefined
  readonly hash: string | undefined
  readonly inline: boolean
  readonly inlineLimit: number
  readonly maxFileLinks: number | undefined
  readonly maxDirectoryLinks: number | undefined
  readonly maxHamtFanout: number | undefined
  readonly preserveMode: boolean
  readonly preserveMtime: boolean
  /** A number as Go reads it: `0644`, `420`. */
  readonly mode: string | undefined
  readonly mtime: number | undefined
  readonly mtimeNsecs: number | undefined
  readonly nocopy: boolean
}

/** How files and folders become DAGs. */
export interface ImportSettings {
  readonly file: FileFormat
  readonly chunking: Chunking
  readonly directory: DirectoryFormat
  readonly preserveMode: boolean
  readonly preserveMtime: boolean
  /** The metadata of all files and folders, whatever they have themselves. */
  readonly stat: FileStat
}

const FILE_LINKS_DEFAULT = 174

/** Returns how `add` imports: by its options, else by the `Import` section of the config. Throws what Kubo refuses. */
export function importSettingsOf(config: Config, options: ImportOptions): ImportSettings {
  const defaults = importSettings(config)
  const stat = statOf(options)
  const keepsStat = options.preserveMode || options.preserveMtime || stat.mode !== undefined || stat.mtime !== undefined
  const files = fileSettings(config)
  const cid = cidFormatOf(options, defaults)
  const rawLeaves = rawLeavesOf(options, files.rawLeaves, { version: cid.version, keepsStat })
  const chunker = options.chunker === undefined || options.chunker === '' ? files.chunker : options.chunker
  const maxLinks = options.maxFileLinks ?? files.maxLinks
  const layout = options.trickle === undefined ? files.layout : options.trickle ? 'trickle' : 'balanced'
  return {
    file: { ...cid, rawLeaves, chunker, layout, maxLinks: maxLinks > 0 ? maxLinks : FILE_LINKS_DEFAULT },
    chunking: parseChunker(chunker),
    directory: { cid, rules: rulesOf(config, options) },
    preserveMode: options.preserveMode && stat.mode === undefined,
    preserveMtime: options.preserveMtime && stat.mtime === undefined,
    stat,
  }
}

function rulesOf(config: Config, options: ImportOptions): DirectoryFormat['rules'] {
  const rules = directoryRules(config)
  const fanout = options.maxHamtFanout ?? rules.fanout
  if (fanout < 8 || fanout > 1024 || (fanout & (fanout - 1)) !== 0) {
    throw refused(`HAMT fanout must be a power of 2, between 8 and 1024 (got ${fanout})`)
  }
  return { ...rules, fanout, maxLinks: options.maxDirectoryLinks ?? rules.maxLinks }
}

function cidFormatOf(
  options: ImportOptions,
  defaults: { readonly cidVersion: number | undefined; readonly hash: string | undefined },
): CidFormat {
  const name = options.hash === undefined || options.hash === '' ? defaults.hash : options.hash
  const code = name === undefined ? SHA2_256 : hashCode(name)
  // Negative: not given. The version of the config counts like one that was given.
  const asked = Math.max(-1, options.cidVersion ?? defaults.cidVersion ?? -1)
  if (asked > 1) throw refused(`unknown CID version: ${asked}`)
  if (code !== SHA2_256 && asked === 0) throw refused('CIDv0 only supports sha2-256')
  const { inline, inlineLimit } = options
  if (inline && inlineLimit > IDENTITY_BYTES_MAX) {
    throw refused(`inline-limit ${inlineLimit} exceeds maximum allowed size of ${IDENTITY_BYTES_MAX} bytes`)
  }
  return {
    version: asked === 1 || code !== SHA2_256 ? 1 : 0,
    hashCode: code,
    refusesLong: true,
    ...(inline ? { inlineBytesMax: inlineLimit } : {}),
  }
}

function rawLeavesOf(
  { rawLeaves, nocopy }: ImportOptions,
  configured: boolean | undefined,
  { version, keepsStat }: { readonly version: 0 | 1; readonly keepsStat: boolean },
): boolean {
  const asked = rawLeaves ?? configured
  if (keepsStat && asked === true) {
    throw refused("raw-leaves can't be used with UnixFS metadata like mode or modification time")
  }
  if (nocopy && (keepsStat || asked === false)) {
    throw refused("nocopy option requires '--raw-leaves' to be enabled as well")
  }
  if (keepsStat) return false
  return nocopy || (asked ?? version === 1)
}

function statOf({ mode, mtime, mtimeNsecs }: ImportOptions): FileStat {
  const permissions = parseMode(mode)
  const nanoseconds = mtimeNsecs ?? 0
  if (nanoseconds < 0 || nanoseconds > 0xffffffff) throw refused(`invalid value "${nanoseconds}" for --mtime-nsecs`)
  if ((mtime ?? 0) === 0) {
    if (nanoseconds !== 0) throw refused('option "mtime-nsecs" requires "mtime" to be provided as well')
    return { mode: permissions }
  }
  if (nanoseconds > 999_999_999) throw refused('mtime nanoseconds must be in range [1, 999999999]')
  return { mode: permissions, mtime: { seconds: mtime ?? 0, nanoseconds } }
}

/** Returns the permissions of a number in Go's spelling and in the bits of Go's `FileMode`; undefined when it is 0. */
function parseMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = parseGoNumber(text)
  if (number === undefined) throw refused(`invalid value "${text}" for --mode: a number is wanted`)
  const bits = BigInt.asUintN(32, number)
  if (bits === 0n) return undefined
  const special = [
    [23n, 0o4000],
    [22n, 0o2000],
    [20n, 0o1000],
  ] as const
  return special.reduce((mode, [bit, unix]) => ((bits >> bit) & 1n ? mode | unix : mode), Number(bits & 0o777n))
}

function parseGoNumber(text: string): bigint | undefined {
  if (!/^(0x[0-9a-f_]+|0b[01_]+|0o?[0-7_]*|[1-9][0-9_]*)$/i.test(text)) return undefined
  const digits = text.replaceAll('_', '')
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits)
  return value < 2n ** 64n ? value : undefined
}

function refused(reason: string): Failure {
  return new Failure('usage', reason)
}
