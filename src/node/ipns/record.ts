import { Failure } from '../../contract/failure.ts'
import { equalBytes } from '../../repo/check.ts'
import { marshalPublicKey, type PrivateKey, type PublicKey, peerIdBytes, unmarshalPublicKey } from '../../repo/keys.ts'
import { decodeCbor, encodeCbor } from '../dag-cbor.ts'
import { cidFromBytes, type DagMap, type DagValue } from '../dag-model.ts'
import { isSignedBy, signWith } from '../signing.ts'
import { formatMoment, momentOfMs, parseMoment } from './moment.ts'
import { decodeForm, encodeForm, type RecordForm } from './record-form.ts'

/** https://specs.ipfs.tech/ipns/ipns-record/#record-size-limit */
export const RECORD_BYTES_MAX = 10 * 1024
/** What an empty value stands for: an empty raw block. */
const NO_VALUE = '/ipfs/bafkqaaa'
const V2_PREFIX = new TextEncoder().encode('ipns-signature:')
const EOL = 0n

/** An IPNS record that is well formed; whether it is valid says `checkRecord`. */
export interface NameRecord {
  readonly bytes: Uint8Array
  readonly form: RecordForm
  /** What is signed: the dag-cbor document inside. */
  readonly data: DagMap
}

export interface NewRecord {
  readonly value: string
  readonly sequence: bigint
  /** When it stops to be valid, in milliseconds since 1970. */
  readonly validUntilMs: number
  readonly ttlMs: number
  /** Old fields and signature too. */
  readonly v1compat: boolean
}

/** Returns the record that bytes hold. Throws `failed`, in Kubo's words. */
export function parseRecord(bytes: Uint8Array): NameRecord {
  if (bytes.length > RECORD_BYTES_MAX) throw new Failure('failed', 'record exceeds allowed size limit')
  let form: RecordForm
  let data: DagValue
  try {
    form = decodeForm(bytes)
    if (form.data === undefined || form.data.length === 0) {
      throw new Failure('failed', 'record is missing the dag-cbor data field')
    }
    data = decodeCbor(form.data)
  } catch (error) {
    throw malformed(error)
  }
  if (!(data instanceof Map)) throw malformed('its data is no map')
  return { bytes, form, data }
}

/** Returns a signed record. */
export async function createRecord(key: PrivateKey, record: NewRecord): Promise<NameRecord> {
  const value = new TextEncoder().encode(record.value)
  const validity = new TextEncoder().encode(formatMoment(momentOfMs(record.validUntilMs)))
  const ttl = BigInt(Math.max(0, Math.round(record.ttlMs * 1e6)))
  const data = encodeCbor(
    new Map<string, DagValue>([
      ['TTL', ttl],
      ['Value', value],
      // The document has signed numbers, as in Kubo: above 2^63 they are below zero.
      ['Sequence', BigInt.asIntN(64, record.sequence)],
      ['Validity', validity],
      ['ValidityType', EOL],
    ]),
  )
  const form: RecordForm = { data, signatureV2: await signWith(key, concat(V2_PREFIX, data)) }
  if (record.v1compat) {
    const signed = concat(value, validity, new TextEncoder().encode('EOL'))
    const signatureV1 = await signWith(key, signed)
    Object.assign(form, { value, signatureV1, validityType: EOL, validity, sequence: record.sequence, ttl })
  }
  // A key that the name holds whole is not repeated.
  if (peerIdBytes(key.publicKey)[0] !== 0) form.publicKey = marshalPublicKey(key.publicKey)
  return parseRecord(encodeForm(form))
}

/**
 * Throws `failed` unless the record is valid for a name (the multihash of its key) now: signed, unchanged, not expired.
 * https://specs.ipfs.tech/ipns/ipns-record/#record-verification
 */
export async function checkRecord(record: NameRecord, name: Uint8Array, nowMs: number = Date.now()): Promise<void> {
  const { form } = record
  const key = publicKeyOf(form, name)
  if (form.signatureV2 === undefined || form.signatureV2.length === 0) throw unsigned()
  if (!(await isSignedBy(key, concat(V2_PREFIX, form.data ?? new Uint8Array()), form.signatureV2))) throw unsigned()
  if ((form.signatureV1?.length ?? 0) > 0 || (form.value?.length ?? 0) > 0) checkSame(record)
  if (validUntil(record) < momentOfMs(nowMs)) throw new Failure('failed', 'record is expired')
  if ((ttlOf(record) ?? 0n) < 0n) throw malformed('negative TTL')
}

/** Returns a number above zero when the first of two valid records is the newer one, below when the second is. */
export function compareRecords(one: NameRecord, other: NameRecord): number {
  const difference = sequenceOf(one) - sequenceOf(other) || validUntil(one) - validUntil(other)
  if (difference !== 0n) return difference > 0n ? 1 : -1
  return Buffer.compare(one.bytes, other.bytes)
}

/** Returns the path that a record points to. Throws `failed` when it is none. */
export async function targetOf(record: NameRecord): Promise<string> {
  const bytes = bytesAt(record, 'Value')
  if (bytes.length === 0) return NO_VALUE
  if (bytes[0] !== 0x2f) {
    try {
      return `/ipfs/${cidFromBytes(bytes, 0, bytes.length)}`
    } catch (error) {
      throw new Failure('failed', 'value is not a valid content path', { cause: error })
    }
  }
  const { parsePath } = await import('../path.ts')
  const text = new TextDecoder().decode(bytes)
  try {
    parsePath(text)
    return text
  } catch (error) {
    throw new Failure('failed', 'value is not a valid content path', { cause: error })
  }
}

export function sequenceOf(record: NameRecord): bigint {
  return BigInt.asUintN(64, integerAt(record, 'Sequence'))
}

/** Returns for how many nanoseconds the record may be used before it is asked for anew; undefined when it does not say. */
export function ttlOf(record: NameRecord): bigint | undefined {
  return typeof record.data.get('TTL') === 'bigint' ? integerAt(record, 'TTL') : undefined
}

export function validityTypeOf(record: NameRecord): bigint {
  return integerAt(record, 'ValidityType')
}

/** Returns the moment at which the record expires. Throws `failed` when it does not say. */
export function validUntil(record: NameRecord): bigint {
  if (validityTypeOf(record) !== EOL) throw new Failure('failed', 'record contains an unrecognized validity type')
  const moment = parseMoment(new TextDecoder().decode(bytesAt(record, 'Validity')))
  if (moment === undefined) throw new Failure('failed', 'record contains an invalid validity')
  return moment
}

/** Returns which signatures a record has, in Kubo's words. */
export function signatureType({ form }: NameRecord): string {
  if ((form.signatureV1?.length ?? 0) > 0 || (form.value?.length ?? 0) > 0) return 'V1+V2'
  return form.data === undefined ? 'Unknown' : 'V2'
}

function publicKeyOf(form: RecordForm, name: Uint8Array): PublicKey {
  try {
    if (form.publicKey !== undefined && form.publicKey.length > 0) {
      const key = unmarshalPublicKey(form.publicKey)
      if (equalBytes(peerIdBytes(key), name)) return key
    } else if (name[0] === 0) return unmarshalPublicKey(name.subarray(2))
    else throw new Failure('failed', 'public key is not embedded in peer ID')
  } catch (error) {
    if (error instanceof Failure && error.message.includes('embedded')) throw error
    throw new Failure('failed', 'public key invalid', { cause: error })
  }
  throw new Failure('failed', 'record public key does not match the expected public key')
}

/** Throws unless the old fields say what the signed data says. */
function checkSame(record: NameRecord): void {
  const { form } = record
  const differs = (field: string): Failure =>
    new Failure('failed', `field "${field}" did not match between protobuf and CBOR`)
  if (!equalBytes(form.value ?? new Uint8Array(), bytesAt(record, 'Value'))) throw differs('Value')
  if (!equalBytes(form.validity ?? new Uint8Array(), bytesAt(record, 'Validity'))) throw differs('Validity')
  if ((form.validityType ?? 0n) !== integerAt(record, 'ValidityType')) throw differs('ValidityType')
  if ((form.sequence ?? 0n) !== BigInt.asUintN(64, integerAt(record, 'Sequence'))) throw differs('Sequence')
  if ((form.ttl ?? 0n) !== BigInt.asUintN(64, integerAt(record, 'TTL'))) throw differs('TTL')
}

function bytesAt({ data }: NameRecord, field: string): Uint8Array {
  const value = data.get(field)
  if (!(value instanceof Uint8Array)) throw malformed(`its data has no bytes "${field}"`)
  return value
}

function integerAt({ data }: NameRecord, field: string): bigint {
  const value = data.get(field)
  if (typeof value !== 'bigint') throw malformed(`its data has no number "${field}"`)
  return value
}

function malformed(cause: unknown): Failure {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new Failure('failed', `record is malformed: ${text}`, { cause })
}

function unsigned(): Failure {
  return new Failure('failed', 'signature verification failed')
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}
