import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { type DagValue, isLink, type Link } from './dag-model.ts'
import { decodeDagPb, scanDagPb } from './dag-pb.ts'

export type { DagMap, DagValue, Link } from './dag-model.ts'
export { isLink } from './dag-model.ts'

/** The multicodecs whose blocks are understood. */
export const CODECS = {
  cbor: 0x51,
  raw: 0x55,
  'dag-pb': 0x70,
  'dag-cbor': 0x71,
  'libp2p-key': 0x72,
  'git-raw': 0x78,
  'dag-jose': 0x85,
  'dag-json': 0x0129,
  json: 0x0200,
} as const

/** Returns the failure of a codec that there is no decoder or encoder for, in the words of the reference implementation. */
export function unknownCodec(code: number, what: 'decoder' | 'encoder'): Failure {
  return new Failure('failed', `no ${what} registered for multicodec code ${code} (0x${code.toString(16)})`)
}

/** Returns true for codecs whose blocks never hold links. */
export function isLinkless(code: number): boolean {
  return code === CODECS.raw || code === CODECS.json || code === CODECS.cbor || code === CODECS['libp2p-key']
}

const NO_LINKS: readonly Link[] = []

/**
 * Returns the links of a block in the order of the block, with names and sizes where its codec has them. At once for
 * raw and dag-pb; else a promise, for the codec is loaded on demand. Throws `failed` for a block that is malformed
 * and for a codec that is not known.
 */
export function linksOf(cid: CID, bytes: Uint8Array): readonly Link[] | Promise<readonly Link[]> {
  const { code } = cid
  if (code === CODECS['dag-pb']) return decodeDagPb(bytes).links
  if (isLinkless(code)) return NO_LINKS
  return linksOfOther(code, bytes)
}

async function linksOfOther(code: number, bytes: Uint8Array): Promise<readonly Link[]> {
  return [...named(await cidsOfOther(code, bytes))]
}

async function cidsOfOther(code: number, bytes: Uint8Array): Promise<Iterable<CID>> {
  if (code === CODECS['dag-cbor']) return (await import('./dag-cbor-scan.ts')).eachLinkOfDagCbor(bytes)
  return linksOfValue(await decodeValue(code, bytes))
}

/**
 * Returns what `linksOf` does, but makes the links of dag-pb and dag-cbor when they are asked for: tens of thousands take
 * as many MiB. Throws at once.
 */
export async function eachLinkOf(cid: CID, bytes: Uint8Array): Promise<Iterable<Link>> {
  if (cid.code === CODECS['dag-pb']) return scanDagPb(bytes).links
  if (isLinkless(cid.code)) return NO_LINKS
  return named(await cidsOfOther(cid.code, bytes))
}

function* named(cids: Iterable<CID>): Iterable<Link> {
  for (const cid of cids) yield { name: '', cid }
}

/** Returns the links of a value, in its order. Values are never deeper than DEPTH_MAX. */
function linksOfValue(value: DagValue): CID[] {
  const links: CID[] = []
  const visit = (item: DagValue): void => {
    if (item === null || typeof item !== 'object') return
    if (isLink(item)) links.push(item)
    else if (Array.isArray(item)) for (const inner of item) visit(inner)
    else if (item instanceof Map) for (const inner of item.values()) visit(inner)
  }
  visit(value)
  return links
}

/** Returns a block as a value of the data model. Throws `failed` when it is malformed or its codec is not known. */
export function decodeNode(cid: CID, bytes: Uint8Array): Promise<DagValue> {
  return decodeValue(cid.code, bytes)
}

/** Returns the value that `bytes` hold in the codec `code`. */
export async function decodeValue(code: number, bytes: Uint8Array): Promise<DagValue> {
  switch (code) {
    case CODECS.raw:
      return bytes
    case CODECS['dag-pb']:
      return (await import('./dag-pb-form.ts')).decodeDagPbForm(bytes)
    case CODECS['dag-cbor']:
      return (await import('./dag-cbor.ts')).decodeCbor(bytes)
    case CODECS.cbor:
      return (await import('./dag-cbor.ts')).decodeCbor(bytes, { links: false })
    case CODECS['dag-json']:
      return (await import('./dag-json.ts')).decodeJson(bytes)
    case CODECS.json:
      return (await import('./dag-json.ts')).decodeJson(bytes, { links: false })
    case CODECS['dag-jose']:
      return (await import('./dag-jose.ts')).decodeDagJose(bytes)
    case CODECS['git-raw']:
      return (await import('./dag-git.ts')).decodeGit(bytes)
    default:
      throw unknownCodec(code, 'decoder')
  }
}

/** Returns the block of a value in the codec `code`, byte for byte as the reference implementation writes it. */
export async function encodeNode(code: number, value: DagValue): Promise<Uint8Array> {
  switch (code) {
    case CODECS.raw:
      if (!(value instanceof Uint8Array) || isLink(value))
        throw new Failure('failed', 'only bytes can be written as raw')
      return value
    case CODECS['dag-pb']:
      return (await import('./dag-pb-form.ts')).encodeDagPbForm(value)
    case CODECS['dag-cbor']:
      return (await import('./dag-cbor.ts')).encodeCbor(value)
    case CODECS.cbor:
      return (await import('./dag-cbor.ts')).encodeCbor(value, { links: false, sort: false })
    case CODECS['dag-json']:
      return (await import('./dag-json.ts')).encodeJson(value)
    case CODECS.json:
      return (await import('./dag-json.ts')).encodeJson(value, { links: false, canonical: false })
    case CODECS['dag-jose']:
      return (await import('./dag-jose.ts')).encodeDagJose(value)
    case CODECS['git-raw']:
      return (await import('./dag-git.ts')).encodeGit(value)
    default:
      throw unknownCodec(code, 'encoder')
  }
}

/** Returns what lies in a value at the end of a path of map keys and list indexes. Throws `not-found`. */
export function valueAt(value: DagValue, segments: readonly string[]): DagValue {
  let found = value
  for (const segment of segments) {
    const next = childOf(found, segment)
    if (next === undefined) throw new Failure('not-found', `no link named ${JSON.stringify(segment)} in the node`)
    found = next
  }
  return found
}

/** Returns the child of a map or list by its key or index; undefined when there is none. */
export function childOf(value: DagValue, segment: string): DagValue | undefined {
  if (value instanceof Map) return value.get(segment)
  if (Array.isArray(value)) return /^(\+?\d{1,15}|-0+)$/.test(segment) ? value[Number(segment)] : undefined
  return undefined
}
