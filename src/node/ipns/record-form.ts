import { malformed } from '../dag-model.ts'

/** The fields of an IPNS record in protobuf, as they stand. https://specs.ipfs.tech/ipns/ipns-record/ */
export interface RecordForm {
  value?: Uint8Array
  signatureV1?: Uint8Array
  validityType?: bigint
  validity?: Uint8Array
  sequence?: bigint
  ttl?: bigint
  publicKey?: Uint8Array
  signatureV2?: Uint8Array
  data?: Uint8Array
}

type Field = keyof RecordForm

/** By their numbers in the message. */
const FIELDS: readonly (Field | undefined)[] = [
  undefined,
  'value',
  'signatureV1',
  'validityType',
  'validity',
  'sequence',
  'ttl',
  'publicKey',
  'signatureV2',
  'data',
]
const VARINTS: ReadonlySet<Field> = new Set(['validityType', 'sequence', 'ttl'])
const UINT64_MAX = 2n ** 64n - 1n

/** Returns the fields of a record; unknown ones are passed over. The bytes are copies. Throws `failed`. */
export function decodeForm(bytes: Uint8Array): RecordForm {
  const form: RecordForm = {}
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at]
      if (byte === undefined) throw malformed('IPNS record', 'it ends too soon')
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value & UINT64_MAX
    }
    throw malformed('IPNS record', 'a number is too long')
  }
  const skip = (length: bigint): number => {
    const from = at
    if (length > BigInt(bytes.length - at)) throw malformed('IPNS record', 'it ends too soon')
    at += Number(length)
    return from
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = Number(tag & 7n)
    const field = tag >> 3n < 10n ? FIELDS[Number(tag >> 3n)] : undefined
    if (wire === 0) {
      const value = varint()
      if (field !== undefined && VARINTS.has(field)) Object.assign(form, { [field]: value })
    } else if (wire === 2) {
      const length = varint()
      const from = skip(length)
      if (field !== undefined && !VARINTS.has(field)) Object.assign(form, { [field]: bytes.slice(from, at) })
    } else if (wire === 1 || wire === 5) skip(wire === 1 ? 8n : 4n)
    else throw malformed('IPNS record', `wire type ${wire} is not known`)
  }
  return form
}

/** Returns the bytes of a record, fields in the order of their numbers. */
export function encodeForm(form: RecordForm): Uint8Array {
  const out: number[] = []
  const varint = (value: bigint): void => {
    let rest = value
    for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
    out.push(Number(rest))
  }
  for (const [number, field] of FIELDS.entries()) {
    const value = field === undefined ? undefined : form[field]
    if (typeof value === 'bigint') {
      varint(BigInt(number << 3))
      varint(value)
    } else if (value !== undefined) {
      varint(BigInt((number << 3) | 2))
      varint(BigInt(value.length))
      for (const byte of value) out.push(byte)
    }
  }
  return Uint8Array.from(out)
}
