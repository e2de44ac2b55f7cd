import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { parseCid } from './cid.ts'
import { decodeDagPb, encodeDagPb, type PbLink, type PbNode } from './dag-pb.ts'
import { digest, SHA2_256 } from './hash.ts'
import { type PathNode, resolvePath } from './path.ts'
import { decodeUnixfs } from './unixfs.ts'

const DAG_PB = 0x70
const RAW = 0x55
/** Bytes of an empty UnixFS folder. */
const EMPTY_FOLDER = Uint8Array.of(0x08, 0x01)

/** A dag-pb node and the CID that it was read by. */
export interface ObjectNode extends PbNode {
  readonly cid: CID
  /** The block. */
  readonly bytes: Uint8Array
}

/** Reads the dag-pb node at the end of a path; a raw block is a node without links. Throws `failed` for another codec. */
export async function readObject(node: PathNode, path: string, options: Waiting = {}): Promise<ObjectNode> {
  const { cid } = await resolvePath(node, path, options)
  return await readObjectAt(node.blocks, cid, options)
}

/** Reads a dag-pb node, or a raw block as one without links. Throws `failed` for another codec. */
export async function readObjectAt(blocks: Pick<Blocks, 'get'>, cid: CID, options: Waiting = {}): Promise<ObjectNode> {
  const bytes = await blocks.get(cid, options)
  if (cid.code === RAW) return { cid, bytes, data: bytes, links: [] }
  if (cid.code !== DAG_PB) throw notProtobuf(cid)
  return { cid, bytes, ...decodeDagPb(bytes) }
}

/** Reads what a link is to point to: a node of any codec, with the links that count for its size. */
export async function readChild(node: PathNode, path: string, options: Waiting = {}): Promise<ObjectNode> {
  const { cid } = await resolvePath(node, path, options)
  if (cid.code === DAG_PB) return await readObjectAt(node.blocks, cid, options)
  const bytes = await node.blocks.get(cid, options)
  return { cid, bytes, data: bytes, links: [] }
}

/** A link as Kubo answers it. */
export interface LinkRecord {
  readonly Name: string
  readonly Hash: string
  readonly Size: number
}

/** Returns links as Kubo answers them. */
export function linkRecords(links: readonly PbLink[], format: (cid: CID) => string): LinkRecord[] {
  return links.map(({ name, cid, size }) => ({ Name: name, Hash: format(cid), Size: size }))
}

/** Returns the sizes of a node, with Kubo's names. */
export function objectSizes({ data, links, bytes }: ObjectNode): {
  NumLinks: number
  BlockSize: number
  LinksSize: number
  DataSize: number
  CumulativeSize: number
} {
  const DataSize = data?.length ?? 0
  return {
    NumLinks: links.length,
    BlockSize: bytes.length,
    LinksSize: bytes.length - DataSize,
    DataSize,
    CumulativeSize: cumulativeSize({ bytes, links }),
  }
}

/** Stores a node, its links ordered by name; it is durable after `flush`. `like` decides version and hash of its CID. */
export async function storeObject(
  blocks: Pick<Blocks, 'put'>,
  node: PbNode,
  like: CID | undefined,
  options: Waiting & { readonly bytesMax?: number | undefined } = {},
): Promise<ObjectNode> {
  const links = sortLinks(node.links)
  const bytes = encodeDagPb({ data: node.data, links })
  if (options.bytesMax !== undefined && bytes.length > options.bytesMax) {
    throw new Failure(
      'failed',
      "produced block is over 2MiB: big blocks can't be exchanged with other peers. consider using UnixFS for automatic chunking of bigger files, or pass --allow-big-block to override",
    )
  }
  const hash = await digest(like?.multihash.code ?? SHA2_256, bytes)
  const cid = CID.create(like?.version ?? 0, DAG_PB, hash)
  await blocks.put(cid, bytes, { leaf: links.length === 0, signal: options.signal })
  return { cid, bytes, data: node.data, links }
}

/** Returns the node of a template: `unixfs-dir`, or an empty one. Throws `usage` for another name. */
export function templateNode(template: string | undefined): PbNode {
  if (template === undefined || template === '') return { data: undefined, links: [] }
  if (template === 'unixfs-dir') return { data: EMPTY_FOLDER, links: [] }
  throw new Failure('usage', `template ${JSON.stringify(template)} not found`, { hint: 'there is unixfs-dir' })
}

/** How an object is written down for `object put`. */
export interface ObjectInput {
  readonly inputenc: string
  readonly datafieldenc: string
}

/** Returns the node that a text or bytes describe. Throws `usage` when they describe none. */
export function parseObject(bytes: Uint8Array, { inputenc, datafieldenc }: ObjectInput): PbNode {
  if (inputenc === 'protobuf') return decodeDagPb(bytes)
  if (inputenc !== 'json') throw new Failure('usage', `unknown object encoding: ${inputenc}`)
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (error) {
    throw new Failure('usage', `the object is not valid JSON: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject()
  const { Data = '', Links = [] }: { Data?: unknown; Links?: unknown } = value
  if ((typeof Data !== 'string' && Data !== null) || !Array.isArray(Links ?? [])) throw notAnObject()
  const links: unknown[] = Array.isArray(Links) ? Links : []
  return { data: dataFromText(Data ?? '', datafieldenc), links: links.map(linkFromJson) }
}

/** Returns data as the text that JSON holds: as UTF-8, or in base64. */
export function dataText(data: Uint8Array | undefined, encoding: string): string {
  if (encoding !== 'text' && encoding !== 'base64') throw unknownDataEncoding()
  return Buffer.from(data ?? []).toString(encoding === 'text' ? 'utf8' : 'base64')
}

function dataFromText(text: string, encoding: string): Uint8Array | undefined {
  if (encoding !== 'text' && encoding !== 'base64') throw unknownDataEncoding()
  // Kubo writes no field for data that is empty.
  return text === '' ? undefined : Uint8Array.from(Buffer.from(text, encoding === 'text' ? 'utf8' : 'base64'))
}

function unknownDataEncoding(): Failure {
  return new Failure('usage', 'unknown data field encoding', { hint: 'choose text or base64' })
}

function linkFromJson(value: unknown): PbLink {
  if (typeof value !== 'object' || value === null) throw notAnObject()
  const { Name, Hash, Size, Tsize }: { Name?: unknown; Hash?: unknown; Size?: unknown; Tsize?: unknown } = value
  const size = Size ?? Tsize ?? 0
  const hash = typeof Hash === 'object' && Hash !== null && '/' in Hash ? Hash['/'] : Hash
  if (typeof hash !== 'string' || !Number.isSafeInteger(size) || Number(size) < 0) throw notAnObject()
  return { name: typeof Name === 'string' ? Name : '', cid: parseCid(hash), size: Number(size) }
}

function notAnObject(): Failure {
  return new Failure('usage', 'the object is not of the form {"Data":"…","Links":[{"Name":"…","Hash":"…","Size":0}]}')
}

/** Throws for a raw block, which has neither links nor data that could be changed. */
export function requireProtobuf({ cid }: ObjectNode): void {
  if (cid.code !== DAG_PB) throw notProtobuf(cid)
}

/** Throws unless links of a node can be changed one by one: a file or a sharded folder would be broken by it. */
export function refuseOtherUnixfs(node: ObjectNode, verb: 'add' | 'remove'): void {
  requireProtobuf(node)
  const type = unixfsType(node)
  const named = verb === 'add' ? 'add named links to' : 'remove links from'
  if (type === 'hamt-sharded-directory') {
    throw new Failure(
      'failed',
      `cannot ${verb === 'add' ? 'add links to' : 'remove links from'} a HAMTShard at the dag-pb level (would corrupt the HAMT bitfield)`,
      { hint: 'use tsipfs files, or pass --allow-non-unixfs to override' },
    )
  }
  if (type !== undefined && type !== 'directory') {
    const shown = `${type[0]?.toUpperCase() ?? ''}${type.slice(1)}`
    throw new Failure(
      'failed',
      `cannot ${named} a UnixFS ${shown} node, only Directory nodes support link ${verb === 'add' ? 'addition' : 'removal'} at the dag-pb level (see https://specs.ipfs.tech/unixfs/)`,
      { hint: 'use tsipfs files, or pass --allow-non-unixfs to override' },
    )
  }
}

/** Returns what a node is in UnixFS; undefined when its data is something else. */
function unixfsType({ data }: ObjectNode): string | undefined {
  if (data === undefined) return undefined
  try {
    return decodeUnixfs(data).type
  } catch {
    // A node with data of its own: nothing in it counts its links.
    return undefined
  }
}

/** Changes links below a node, and stores what changed; durable after `flush`. */
export class ObjectEdit {
  readonly #blocks: Pick<Blocks, 'get' | 'put'>
  readonly #options: Waiting & { readonly bytesMax?: number | undefined }

  constructor(blocks: Pick<Blocks, 'get' | 'put'>, options: Waiting & { readonly bytesMax?: number | undefined } = {}) {
    this.#blocks = blocks
    this.#options = options
  }

  /** Puts a link at a path below `root`; what was there is replaced. `create` makes the folders on the way. */
  async add(root: ObjectNode, path: string, child: ObjectNode, create: boolean): Promise<ObjectNode> {
    requireProtobuf(root)
    return await this.#add(root, path.split('/'), child, create)
  }

  /** Removes the link at a path below `root`. Throws `not-found` when there is none. */
  async remove(root: ObjectNode, path: string): Promise<ObjectNode> {
    requireProtobuf(root)
    return await this.#remove(root, path.split('/'))
  }

  async #add(
    root: ObjectNode,
    [name = '', ...rest]: string[],
    child: ObjectNode,
    create: boolean,
  ): Promise<ObjectNode> {
    if (rest.length === 0) {
      if (name === '') throw new Failure('usage', 'cannot create link with no name')
      return await this.#replace(root, name, child)
    }
    const link = root.links.find(one => one.name === name)
    if (link === undefined && !create) throw noLink(name)
    const below = link === undefined ? await this.#emptyFolder() : await this.#read(link.cid)
    return await this.#replace(root, name, await this.#add(below, rest, child, create))
  }

  async #remove(root: ObjectNode, [name = '', ...rest]: string[]): Promise<ObjectNode> {
    const link = root.links.find(one => one.name === name)
    if (link === undefined) throw noLink(name)
    if (rest.length > 0) return await this.#replace(root, name, await this.#remove(await this.#read(link.cid), rest))
    return await this.#store({ data: root.data, links: root.links.filter(one => one.name !== name) }, root.cid)
  }

  async #replace(root: ObjectNode, name: string, child: ObjectNode): Promise<ObjectNode> {
    const link = { name, cid: child.cid, size: cumulativeSize(child) }
    return await this.#store(
      { data: root.data, links: [...root.links.filter(one => one.name !== name), link] },
      root.cid,
    )
  }

  async #read(cid: CID): Promise<ObjectNode> {
    if (cid.code !== DAG_PB) throw notProtobuf(cid)
    return await readObjectAt(this.#blocks, cid, this.#options)
  }

  #emptyFolder(): Promise<ObjectNode> {
    return storeObject(this.#blocks, templateNode('unixfs-dir'), undefined, this.#options)
  }

  #store(node: PbNode, like: CID): Promise<ObjectNode> {
    return storeObject(this.#blocks, node, like, this.#options)
  }
}

/** A link that differs between two objects; `Type` is Kubo's number: 0 added, 1 removed, 2 changed. */
export interface ObjectChange {
  readonly Type: 0 | 1 | 2
  readonly Path: string
  readonly Before: CID | undefined
  readonly After: CID | undefined
}

/** Yields what differs between two objects, in Kubo's order: what both have, then what is gone, then what is new. */
export async function* diffObjects(
  blocks: Pick<Blocks, 'get'>,
  before: CID,
  after: CID,
  options: Waiting & { readonly path?: string } = {},
): AsyncIterable<ObjectChange> {
  options.signal?.throwIfAborted()
  if (before.equals(after)) return
  const path = options.path ?? ''
  const [one, other] = [await readIfPb(blocks, before, options), await readIfPb(blocks, after, options)]
  if (one === undefined || other === undefined || one.links.length + other.links.length === 0) {
    yield { Type: 2, Path: path, Before: before, After: after }
    return
  }
  const at = (name: string): string => (path === '' || name === '' ? path + name : `${path}/${name}`)
  // Of several links with one name the first counts, as with the parts of a file, which have none.
  const others = new Map(other.links.toReversed().map(link => [link.name, link.cid]))
  const seen = new Set<string>()
  for (const { name, cid } of one.links) {
    const counterpart = others.get(name)
    if (counterpart === undefined) continue
    seen.add(name)
    yield* diffObjects(blocks, cid, counterpart, { ...options, path: at(name) })
  }
  for (const { name, cid } of one.links) {
    if (!seen.has(name)) yield { Type: 1, Path: at(name), Before: cid, After: undefined }
  }
  for (const { name, cid } of other.links) {
    if (!seen.has(name)) yield { Type: 0, Path: at(name), Before: undefined, After: cid }
  }
}

async function readIfPb(blocks: Pick<Blocks, 'get'>, cid: CID, options: Waiting): Promise<ObjectNode | undefined> {
  return cid.code === DAG_PB ? await readObjectAt(blocks, cid, options) : undefined
}

/** The size of a node and, as its links say, of all below it. */
function cumulativeSize({ bytes, links }: Pick<ObjectNode, 'bytes' | 'links'>): number {
  return links.reduce((sum, link) => sum + link.size, bytes.length)
}

/** Returns links ordered by the bytes of their names; those of the same name stay as they are. */
function sortLinks(links: readonly PbLink[]): PbLink[] {
  return links
    .map(link => ({ link, key: nameToBytes(link.name) }))
    .sort((one, other) => Buffer.compare(one.key, other.key))
    .map(({ link }) => link)
}

function noLink(name: string): Failure {
  return new Failure('not-found', 'no link by that name', { data: { name } })
}

function notProtobuf(cid: CID): Failure {
  return new Failure('failed', 'expected protobuf dag node', { data: { cid: cid.toString() } })
}
