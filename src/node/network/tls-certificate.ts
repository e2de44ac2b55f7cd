import { X509Certificate } from 'node:crypto'
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys'
import { InvalidCryptoExchangeError, type PeerId, UnexpectedPeerError } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'

/** What is signed by the key of the peer: these words, and the public key of the certificate. */
const SIGNED_PREFIX = Buffer.from('libp2p-tls-handshake:')
/** 1.3.6.1.4.1.53594.1.1 */
const PEER_KEY = '2b0601040183a25a0101'
/** Key usage and basic constraints, of which the runtime knows what they mean. */
const KNOWN_CRITICAL = ['551d0f', '551d13']
const CERTIFICATE_BYTES_MAX = 64 * 1024

const SEQUENCE = 0x30
const OCTETS = 0x04
const BOOLEAN = 0x01
const NAME_OF_KIND = 0x06
const TIME_SHORT = 0x17
const TIME_LONG = 0x18
const VERSION = 0xa0
const EXTENSIONS = 0xa3

/**
 * Checks the certificate of a peer and returns who it is, as https://github.com/libp2p/specs/blob/master/tls/tls.md
 * says. Why not by a library: docs/decisions/003-peer-certificates.md.
 */
export async function verifyPeerCertificate(raw: Uint8Array, expected: PeerId | undefined): Promise<PeerId> {
  try {
    const { notBefore, notAfter, issuer, subject, extension } = partsOf(raw)
    const now = Date.now()
    if (!(notBefore <= now && now <= notAfter)) throw new Error('it is not valid now')
    const certificate = new X509Certificate(raw)
    if (!issuer.equals(subject) || !certificate.verify(certificate.publicKey)) throw new Error('it is not self-signed')
    const [marshalled, signature] = new Der(extension).only(SEQUENCE).all()
    if (marshalled?.tag !== OCTETS || signature?.tag !== OCTETS) throw new Error('it names no key of a peer')
    const publicKey = publicKeyFromProtobuf(marshalled.body)
    // The key as the runtime reads it, which has checked in the handshake that the peer holds it: no other may be signed.
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' })
    const isSigned = await publicKey.verify(Buffer.concat([SIGNED_PREFIX, key]), signature.body)
    if (!isSigned) throw new Error('the peer has not signed it')
    const peer = peerIdFromPublicKey(publicKey)
    if (expected?.equals(peer) === false) throw new UnexpectedPeerError()
    return peer
  } catch (error) {
    if (error instanceof UnexpectedPeerError) throw error
    const text = error instanceof Error ? error.message : String(error)
    throw new InvalidCryptoExchangeError(`the certificate of the peer is refused: ${text}`)
  }
}

interface Parts {
  readonly notBefore: number
  readonly notAfter: number
  readonly issuer: Buffer
  readonly subject: Buffer
  /** What the extension of libp2p holds. */
  readonly extension: Buffer
}

/** https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
function partsOf(raw: Uint8Array): Parts {
  if (raw.length > CERTIFICATE_BYTES_MAX) throw new Error('it is too large')
  const [tbs] = new Der(raw).only(SEQUENCE).all()
  if (tbs?.tag !== SEQUENCE) throw new Error('it is malformed')
  const fields = new Der(tbs.body).all()
  if (fields[0]?.tag === VERSION) fields.shift()
  const [, , issuer, validity, subject, key, ...others] = fields
  const extensions = others.find(({ tag }) => tag === EXTENSIONS)
  if (issuer === undefined || subject === undefined || key?.tag !== SEQUENCE) throw new Error('it is malformed')
  if (validity?.tag !== SEQUENCE || extensions === undefined) throw new Error('it names no key of a peer')
  const [notBefore, notAfter] = new Der(validity.body).all().map(timeOf)
  return {
    notBefore: notBefore ?? Number.NaN,
    notAfter: notAfter ?? Number.NaN,
    issuer: issuer.whole,
    subject: subject.whole,
    extension: peerKeyOf(new Der(extensions.body).only(SEQUENCE)),
  }
}

/** Returns the value of the one extension that counts. Another that must be understood, and is not, is refused. */
function peerKeyOf(extensions: Der): Buffer {
  let found: Buffer | undefined
  for (const { body } of extensions.all()) {
    const [kind, ...rest] = new Der(body).all()
    const value = rest.at(-1)
    if (kind?.tag !== NAME_OF_KIND || value?.tag !== OCTETS) throw new Error('it is malformed')
    const name = kind.body.toString('hex')
    const isCritical = rest[0]?.tag === BOOLEAN && rest[0].body[0] !== 0
    if (name !== PEER_KEY) {
      if (isCritical && !KNOWN_CRITICAL.includes(name)) throw new Error('it demands what is not known')
    } else if (found !== undefined) throw new Error('it names two keys')
    else found = value.body
  }
  if (found === undefined) throw new Error('it names no key of a peer')
  return found
}

/** Returns milliseconds since 1970; NaN when it is no time. */
function timeOf({ tag, body }: Item): number {
  const text = body.toString('latin1')
  const match = tag === TIME_LONG ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) : shortTime(tag, text)
  if (match === null) return Number.NaN
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  const full = tag === TIME_LONG ? year : year < 50 ? 2000 + year : 1900 + year
  return Date.UTC(full, month - 1, day, hour, minute, second)
}

function shortTime(tag: number, text: string): RegExpExecArray | null {
  return tag === TIME_SHORT ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) : null
}

/** A value of DER. */
interface Item {
  readonly tag: number
  readonly body: Buffer
  /** With its tag and length. */
  readonly whole: Buffer
}

/** Values of DER, one after another. */
class Der {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  all(): Item[] {
    const items: Item[] = []
    for (let at = 0; at < this.#bytes.length; ) {
      const item = this.#read(at)
      items.push(item)
      at += item.whole.length
    }
    return items
  }

  /** Returns what is in the one value that there is. */
  only(tag: number): Der {
    const [item, ...others] = this.all()
    if (item?.tag !== tag || others.length > 0) throw new Error('it is malformed')
    return new Der(item.body)
  }

  #read(at: number): Item {
    const tag = this.#bytes[at]
    const first = this.#bytes[at + 1]
    const count = first !== undefined && first >= 0x80 ? first & 0x7f : 0
    const start = at + 2 + count
    if (tag === undefined || first === undefined || count > 3 || first === 0x80) throw new Error('it is malformed')
    if (start > this.#bytes.length) throw new Error('it is cut short')
    const length = count === 0 ? first : this.#bytes.readUIntBE(at + 2, count)
    const end = start + length
    if (end > this.#bytes.length) throw new Error('it is cut short')
    return { tag, body: this.#bytes.subarray(start, end), whole: this.#bytes.subarray(at, end) }
  }
}
