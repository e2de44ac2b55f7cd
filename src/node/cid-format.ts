import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { CidError, decodeCid } from './cid.ts'
import { hashName } from './hash.ts'
import { BASE32, BASE36, BASE58BTC, type Base, encodeMultibase } from './multibase.ts'
import { codecName, multicodecs } from './multicodec.ts'
import { formatPeerId, parsePeerId } from './peer-id.ts'

const DAG_PB = 0x70
const LIBP2P_KEY = 0x72
const SHA2_256 = 0x12

/** How CIDs are to be shown; undefined: as they are. */
export interface CidForm {
  /** A text in which `%s` and its like are replaced. */
  readonly format: string
  readonly version?: 0 | 1 | undefined
  readonly codec?: number | undefined
  readonly base?: Base | undefined
}

/** What Kubo answers for each CID. */
export interface FormattedCid {
  readonly CidStr: string
  readonly Formatted: string
  readonly ErrorMsg: string
}

/** Returns a CID in another form; what is wrong with it stands in the result. Throws `usage` for a wrong format. */
export function reformCid(text: string, form: CidForm): FormattedCid {
  let decoded: ReturnType<typeof decodeCid>
  try {
    decoded = decodeCid(text)
  } catch (error) {
    if (error instanceof CidError) return { CidStr: text, Formatted: '', ErrorMsg: cidProblem(error) }
    throw error
  }
  try {
    const { cid, base } = decoded
    const formed = convert(cid, form)
    return {
      CidStr: text,
      Formatted: formatWith(form.format, formed, form.base ?? (formed.version === 0 ? BASE58BTC : base)),
      ErrorMsg: '',
    }
  } catch (error) {
    if (!(error instanceof CidError)) throw error
    return { CidStr: text, Formatted: '', ErrorMsg: error.message }
  }
}

/** Returns what Kubo says of a text that is no CID. */
export function cidProblem(error: CidError): string {
  return `invalid cid: ${error.message}`
}

function convert(cid: CID, { version, codec }: CidForm): CID {
  const coded = codec !== undefined && codec !== cid.code ? CID.createV1(codec, cid.multihash) : cid
  if (version === undefined) return coded
  if (version === 1) return CID.createV1(coded.code, coded.multihash)
  if (coded.code !== DAG_PB) throw new CidError("can't convert non-dag-pb nodes to cidv0")
  const { code, size } = coded.multihash
  if (code !== SHA2_256 || size !== 32) throw new CidError(`invalid hash for cidv0 ${code}-${size}`)
  return coded.toV0()
}

function formatWith(format: string, cid: CID, base: Base): string {
  let text = ''
  for (let at = 0; at < format.length; at++) {
    const letter = format[at] ?? ''
    if (letter !== '%') {
      text += letter
      continue
    }
    at += 1
    if (at >= format.length) throw new Failure('usage', 'premature end of format string')
    text += specified(format[at] ?? '', cid, base)
  }
  return text
}

function specified(letter: string, cid: CID, base: Base): string {
  const { multihash } = cid
  const codec = codecName(cid.code) ?? `Code(${cid.code})`
  const hash = multihashName(multihash.code) ?? `hash?${multihash.code}`
  const values: Readonly<Record<string, () => string>> = {
    '%': () => '%',
    b: () => base.name,
    B: () => base.prefix,
    v: () => `cidv${cid.version}`,
    V: () => String(cid.version),
    c: () => codec,
    C: () => String(cid.code),
    h: () => hash,
    H: () => String(multihash.code),
    L: () => String(multihash.size),
    m: () => encodeMultibase(base, multihash.bytes),
    M: () => base.encode(multihash.bytes),
    d: () => encodeMultibase(base, multihash.digest),
    D: () => base.encode(multihash.digest),
    s: () => cidText(cid, base),
    S: () => base.encode(cid.bytes),
    P: () => `cidv${cid.version}-${codec}-${hash}-${multihash.size}`,
  }
  const value = Object.hasOwn(values, letter) ? values[letter] : undefined
  if (value !== undefined) return value()
  throw new Failure('usage', `unrecognized specifier in format string: %${letter}`, {
    hint: 'see tsipfs cid format --help',
  })
}

function cidText(cid: CID, base: Base): string {
  if (cid.version === 1) return encodeMultibase(base, cid.bytes)
  if (base !== BASE58BTC) throw new CidError('invalid base encoding for cidv0')
  return BASE58BTC.encode(cid.bytes)
}

/** Returns the name of a hash function, be it one that may be written or not; undefined when nobody knows it. */
function multihashName(code: number): string | undefined {
  return hashName(code) ?? codecName(code)
}

/** What `cid inspect` tells, with Kubo's names. */
export interface InspectedCid {
  readonly cid: string
  readonly version: number
  readonly multibase: { readonly prefix: string; readonly name: string }
  readonly multicodec: { readonly code: number; readonly name: string }
  readonly multihash: {
    readonly code: number
    readonly name: string
    readonly length: number
    readonly digest: string
  }
  readonly cidV0?: string
  readonly cidV1: string
  /** Why the text is no CID; nothing else means anything then. */
  readonly errorMsg?: string
}

const NO_CID: InspectedCid = {
  cid: '',
  version: 0,
  multibase: { prefix: '', name: '' },
  multicodec: { code: 0, name: '' },
  multihash: { code: 0, name: '', length: 0, digest: '' },
  cidV1: '',
}
const NOTE = '\nNote: '

/** Returns the parts of a CID, or why the text is none; of a peer id, with the CID that it stands for. */
export function inspectCid(text: string): InspectedCid {
  let decoded: { cid: CID; base: Base }
  try {
    decoded = decodeCid(text)
  } catch (error) {
    if (!(error instanceof CidError)) throw error
    const hint = peerIdHint(text)
    return {
      ...NO_CID,
      cid: text,
      errorMsg: `invalid CID: ${cidProblem(error)}${hint === undefined ? '' : NOTE + hint}`,
    }
  }
  const { cid, base } = decoded
  const { code, size, digest } = cid.multihash
  const shownBase = cid.version === 0 ? BASE58BTC : base
  const v1 = CID.createV1(cid.code, cid.multihash)
  const hasV0 = cid.code === DAG_PB && code === SHA2_256 && size === 32
  return {
    cid: text,
    version: cid.version,
    multibase: { prefix: shownBase.prefix, name: shownBase.name },
    multicodec: { code: cid.code, name: codecName(cid.code) ?? 'unknown' },
    multihash: {
      code,
      name: multihashName(code) ?? 'unknown',
      length: size,
      digest: Buffer.from(digest).toString('hex'),
    },
    ...(hasV0 ? { cidV0: v1.toV0().toString() } : {}),
    cidV1: encodeMultibase(cid.code === LIBP2P_KEY ? BASE36 : BASE32, v1.bytes),
  }
}

function peerIdHint(text: string): string | undefined {
  try {
    return `the value is a PeerID; inspect its CID representation instead:\n  ${formatPeerId(parsePeerId(text), 'base36')}`
  } catch {
    // It is no peer id either.
    return undefined
  }
}

/** Codecs that the multicodec table marks as of IPLD, in the order of their codes. */
const IPLD_CODES: readonly number[] = [
  ...[0x51, 0x55, 0x70, 0x71, 0x72, 0x78, 0x7b, 0x7c, 0x80, 0x81, 0x82, 0x83, 0x85, 0x86, 0x90, 0x91, 0x92, 0x93, 0x94],
  ...[0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xb0, 0xb1, 0xb2, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xe1, 0xf0, 0xf1, 0xfa, 0xfb],
  ...[0xfc, 0x129, 0x1f0, 0x200, 0xb403, 0xb601],
]
/** Those that `dag put` and `dag get` can read or write. */
const SUPPORTED_CODES = new Set([0x51, 0x55, 0x70, 0x71, 0x72, 0x78, 0x85, 0x129, 0x200])

/** Returns the codecs that a CID may have, or those that can be read here. */
export function cidCodecs(supportedOnly: boolean): { readonly Code: number; readonly Name: string }[] {
  const names = new Map([...multicodecs()].map(([name, code]) => [code, name]))
  const codes = supportedOnly ? IPLD_CODES.filter(code => SUPPORTED_CODES.has(code)) : IPLD_CODES
  return codes.map(Code => ({ Code, Name: names.get(Code) ?? '' }))
}
