import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { decodeCbor, encodeCbor } from './dag-cbor.ts'
import { type DagValue, isLink } from './dag-model.ts'

/** CAR files: https://ipld.io/specs/transport/car/. We write version 1 and read 1 and 2. */

/** The largest header that is read. */
export const CAR_HEADER_BYTES_MAX = 1024 * 1024
/** The largest section (a CID and its block) that is read. */
export const CAR_SECTION_BYTES_MAX = 4 * 1024 * 1024
/** The largest section that is read when big blocks are allowed: the limit of the reference implementation. */
export const CAR_BIG_SECTION_BYTES_MAX = 8 * 1024 * 1024

/** What the header of a CAR says. */
export interface CarHeader {
  readonly version: 1 | 2
  readonly roots: readonly CID[]
}

/** Returns the failure of what is no CAR, or a broken one. */
export function badCar(cause: string): Failure {
  return new Failure('failed', `invalid CAR: ${cause}`)
}

/** Returns the header of a CARv1 with its length in front. */
export function encodeCarHeader(roots: readonly CID[]): Uint8Array {
  const header = encodeCbor(
    new Map<string, DagValue>([
      ['roots', [...roots]],
      ['version', 1n],
    ]),
  )
  return new Uint8Array(Buffer.concat([encodeVarint(header.length), header]))
}

/** Returns what a header (without its length) says. A header without roots has none. */
export function decodeCarHeader(bytes: Uint8Array): CarHeader {
  let header: DagValue
  try {
    header = decodeCbor(bytes)
  } catch (error) {
    if (error instanceof Failure) throw badCar(`invalid header: ${error.message}`)
    throw error
  }
  if (!(header instanceof Map)) throw badCar('invalid header: not a map')
  const version = header.get('version')
  if (version !== 1n && version !== 2n) throw badCar(`invalid car version: ${String(version)}`)
  const roots = header.get('roots') ?? []
  if (!Array.isArray(roots)) throw badCar('invalid header: roots are not a list')
  const cids = roots.map(root => {
    if (!isLink(root)) throw badCar('invalid header: a root is not a link')
    return root
  })
  return { version: version === 1n ? 1 : 2, roots: cids }
}

/** Returns the bytes of an unsigned varint. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** How many bytes `encodeVarint` writes. */
export function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}
