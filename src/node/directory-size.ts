import { nameToBytes } from '../contract/surrogate-escape.ts'
import { type PbLink, varintLength } from './dag-pb.ts'

/** How the size of a folder is estimated when it is decided whether it is sharded. */
export type SizeEstimation = 'links' | 'block' | 'disabled'

/** When a folder becomes a HAMT, and when it ceases to be one: the `Import.UnixFS*Directory*` settings. */
export interface DirectoryRules {
  /** A folder whose estimated size is above this is sharded; 0 switches the rule off. */
  readonly thresholdBytes: number
  readonly estimation: SizeEstimation
  /** More entries than this make a HAMT; 0: any number is fine. */
  readonly maxLinks: number
  readonly fanout: number
}

/** The rules that Kubo has without configuration. */
export const DIRECTORY_RULES_DEFAULT: DirectoryRules = {
  thresholdBytes: 262_144,
  estimation: 'links',
  maxLinks: 0,
  fanout: 256,
}

/** The optional metadata of a folder. */
export interface DirectoryStat {
  readonly mode?: number | undefined
  readonly mtime?: { readonly seconds: bigint | number; readonly nanoseconds?: number | undefined } | undefined
}

/** Returns the bytes that a link counts for: name and CID, or what it takes in a dag-pb block. */
export function linkSize(link: PbLink, estimation: SizeEstimation): number {
  const nameBytes = byteLength(link.name)
  const cidBytes = link.cid.bytes.length
  if (estimation !== 'block') return estimation === 'disabled' ? 0 : nameBytes + cidBytes
  const body =
    1 + varintLength(cidBytes) + cidBytes + 1 + varintLength(nameBytes) + nameBytes + 1 + varintLength(link.size)
  return 1 + varintLength(body) + body
}

/** Returns the bytes of a plain folder's Data field in its block. */
export function directoryDataSize({ mode, mtime }: DirectoryStat): number {
  let inner = 2
  if (mode !== undefined && mode !== 0) inner += 1 + varintLength(mode)
  if (mtime !== undefined) {
    const seconds = Number(mtime.seconds)
    const body = 1 + (seconds < 0 ? 10 : varintLength(seconds)) + ((mtime.nanoseconds ?? 0) > 0 ? 5 : 0)
    inner += 1 + varintLength(body) + body
  }
  return 1 + varintLength(inner) + inner
}

const encoder = new TextEncoder()
const SCRATCH = new Uint8Array(4096)

function byteLength(name: string): number {
  const { read, written } = encoder.encodeInto(name, SCRATCH)
  // A surrogate that stands for a raw byte becomes three bytes here, so such names take the long way.
  return read === name.length && !/[\ud800-\udfff]/.test(name) ? written : nameToBytes(name).length
}
