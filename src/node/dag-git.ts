import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { nameFromBytes } from '../contract/surrogate-escape.ts'
import { type DagMap, type DagValue, malformed } from './dag-model.ts'

const GIT_RAW = 0x78
const SHA1 = 0x11

/** Returns the value of a git object: a blob as its bytes, a tree, commit or tag as a map. */
export function decodeGit(bytes: Uint8Array): DagValue {
  const space = bytes.subarray(0, 16).indexOf(0x20)
  const kind = space < 0 ? '' : nameFromBytes(bytes.subarray(0, space))
  const end = bytes.subarray(0, 64).indexOf(0)
  if (end < 0) throw malformed('git object', 'it has no header')
  const size = nameFromBytes(bytes.subarray(space + 1, end))
  if (!/^\d+$/.test(size)) throw malformed('git object', 'its header has no size')
  const body = bytes.subarray(end + 1)
  switch (kind) {
    case 'blob':
      if (Number(size) > body.length) throw malformed('git object', 'the blob is cut short')
      return bytes.slice(0, end + 1 + Number(size))
    case 'tree':
      return decodeTree(body)
    case 'commit':
      return decodeCommit(nameFromBytes(body))
    case 'tag':
      return decodeTag(nameFromBytes(body))
    default:
      throw malformed('git object', `unknown type ${JSON.stringify(kind)}`)
  }
}

/** Returns the git object of a value: bytes are a blob with its header; trees, commits and tags are maps. */
export function encodeGit(value: DagValue): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw malformed('git object', 'only blobs can be written')
}

function decodeTree(body: Uint8Array): DagValue {
  const tree: DagMap = new Map()
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const end = space < 0 ? -1 : body.indexOf(0, space)
    if (end < 0 || end + 21 > body.length) throw malformed('git object', 'the tree is cut short')
    const name = nameFromBytes(body.subarray(space + 1, end))
    if (tree.has(name)) throw malformed('git object', `two entries ${JSON.stringify(name)}`)
    tree.set(
      name,
      new Map<string, DagValue>([
        ['mode', nameFromBytes(body.subarray(at, space))],
        ['hash', shaLink(body.slice(end + 1, end + 21))],
      ]),
    )
    at = end + 21
  }
  return tree
}

/** The lines of a commit or tag, and what is left of its text. */
class Lines {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined
    const end = this.#text.indexOf('\n', this.#at)
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#text.length : end + 1
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }

  rest(): string {
    const rest = this.#text.slice(this.#at)
    this.#at = this.#text.length
    return rest
  }
}

function decodeCommit(text: string): DagValue {
  const lines = new Lines(text)
  const parents: DagValue[] = []
  const tags: DagValue[] = []
  const other: DagValue[] = []
  const found: DagMap = new Map()
  for (let line = lines.next(); line !== undefined; ) {
    let next: string | undefined
    if (line.startsWith('tree ')) found.set('tree', hexLink(line.slice(5)))
    else if (line.startsWith('parent ')) parents.push(hexLink(line.slice(7)))
    else if (line.startsWith('author ')) found.set('author', person(line))
    else if (line.startsWith('committer ')) found.set('committer', person(line))
    else if (line.startsWith('encoding ')) found.set('encoding', line.slice(9))
    else if (line.startsWith('mergetag object ')) next = readMergeTag(lines, line.slice(16), tags)
    else if (line.startsWith('gpgsig ')) found.set('signature', readSignature(lines))
    else if (line === '') found.set('message', lines.rest())
    else other.push(line)
    line = next ?? lines.next()
  }
  if (!found.has('tree')) throw malformed('git object', 'the commit has no tree')
  const commit: DagMap = new Map<string, DagValue>([
    ['tree', found.get('tree') ?? null],
    ['parents', parents],
    ['message', found.get('message') ?? ''],
  ])
  for (const name of ['author', 'committer', 'encoding', 'signature']) commit.set(name, found.get(name) ?? null)
  return commit.set('mergetag', tags).set('other', other)
}

function decodeTag(text: string): DagValue {
  const lines = new Lines(text)
  const tag: DagMap = new Map<string, DagValue>([
    ['object', null],
    ['type', ''],
    ['tag', ''],
    ['tagger', personMap('', '', '', '')],
    ['message', ''],
  ])
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (line === '') tag.set('message', lines.rest())
    else readTagLine(tag, line)
  }
  if (tag.get('object') === null) throw malformed('git object', 'the tag has no object')
  return tag
}

function readTagLine(tag: DagMap, line: string): void {
  if (line.startsWith('object ')) tag.set('object', hexLink(line.slice(7)))
  else if (line.startsWith('tagger ')) tag.set('tagger', person(line))
  else if (line.startsWith('type ')) tag.set('type', line.slice(5))
  else if (line.startsWith('tag ')) tag.set('tag', line.slice(4))
}

/** Reads a tag that was merged into a commit; returns the line that follows it. */
function readMergeTag(lines: Lines, hash: string, tags: DagValue[]): string | undefined {
  const tag: DagMap = new Map<string, DagValue>([
    ['object', hexLink(hash)],
    ['type', ''],
    ['tag', ''],
    ['tagger', personMap('', '', '', '')],
    ['message', ''],
  ])
  tags.push(tag)
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (line !== ' ') {
      readTagLine(tag, line.slice(1))
      continue
    }
    let message = ''
    let next = lines.next()
    for (; next?.startsWith(' ') === true; next = lines.next()) message += `${next}\n`
    tag.set('message', message)
    return next
  }
  return undefined
}

function readSignature(lines: Lines): string {
  let text = ''
  for (let line = lines.next(); line !== ' -----END PGP SIGNATURE-----'; line = lines.next()) {
    if (line === undefined) throw malformed('git object', 'the signature has no end')
    text += `${line}\n`
  }
  return text
}

function person(line: string): DagValue {
  const match = /^\w+ (?<name>[^<]*)<(?<email>[^>]*)>(?: (?<date>\S*))?(?: (?<zone>\S*))?/.exec(line)
  if (match === null) throw malformed('git object', `invalid person ${JSON.stringify(line.slice(0, 100))}`)
  const { name = '', email = '', date = '', zone = '' } = match.groups ?? {}
  return personMap(date, zone, email, name.replace(/ $/, ''))
}

function personMap(date: string, timezone: string, email: string, name: string): DagMap {
  return new Map<string, DagValue>(Object.entries({ date, timezone, email, name }))
}

function hexLink(text: string): CID {
  if (!/^[0-9a-fA-F]{40}$/.test(text))
    throw malformed('git object', `invalid hash ${JSON.stringify(text.slice(0, 50))}`)
  return shaLink(new Uint8Array(Buffer.from(text, 'hex')))
}

function shaLink(digest: Uint8Array): CID {
  return CID.createV1(GIT_RAW, Digest.create(SHA1, digest))
}
