import { decodeCbor, encodeCbor } from './dag-cbor.ts'
import { cidFromBytes, type DagMap, type DagValue, isLink, malformed } from './dag-model.ts'

const JWE_FIELDS = ['aad', 'ciphertext', 'iv', 'protected', 'recipients', 'tag', 'unprotected']
const RECIPIENT_FIELDS = ['header', 'encrypted_key']
const JWS_FIELDS = ['payload', 'signatures']
const SIGNATURE_FIELDS = ['header', 'protected', 'signature']
/** Fields that hold bytes in the block and base64url in the value. */
const BASE64_FIELDS = new Set(['aad', 'ciphertext', 'iv', 'protected', 'tag', 'encrypted_key', 'payload', 'signature'])

/** Returns the JWE or JWS of a dag-jose block in its general form; a JWS has the link that is its payload, too. */
export function decodeDagJose(bytes: Uint8Array): DagValue {
  const value = decodeCbor(bytes)
  if (!(value instanceof Map)) throw malformed('dag-jose', 'not a map')
  if (value.has('ciphertext')) return shape(value, JWE_FIELDS, ['ciphertext'], toText)
  const payload = value.get('payload')
  if (!(payload instanceof Uint8Array)) throw malformed('dag-jose', 'neither a JWE nor a JWS')
  const jws = shape(value, JWS_FIELDS, ['payload'], toText)
  return new Map([['link', payloadLink(payload)], ...jws])
}

/** Returns the dag-jose block of a JWE or JWS, in its general or flattened form. */
export function encodeDagJose(value: DagValue): Uint8Array {
  if (!(value instanceof Map)) throw malformed('dag-jose', 'invalid JOSE object')
  if (value.has('ciphertext')) {
    return encodeCbor(shape(unflatten(value, 'recipients', RECIPIENT_FIELDS), JWE_FIELDS, ['ciphertext'], toBytes))
  }
  if (!value.has('payload')) throw malformed('dag-jose', 'invalid JOSE object')
  const jws = shape(unflatten(value, 'signatures', SIGNATURE_FIELDS), JWS_FIELDS, ['payload'], toBytes)
  const payload = jws.get('payload')
  const link = value.get('link') ?? null
  const target = payload instanceof Uint8Array ? payloadLink(payload) : null
  if (link !== null && !(isLink(link) && target !== null && isLink(target) && link.equals(target))) {
    throw malformed('dag-jose', 'the link is not the one of the payload')
  }
  return encodeCbor(jws)
}

type Convert = (value: DagValue, field: string) => DagValue

/** Returns a map with the fields that may be there, each converted; throws for others and for missing ones. */
function shape(map: DagMap, names: readonly string[], required: readonly string[], convert: Convert): DagMap {
  const result: DagMap = new Map()
  for (const key of map.keys()) {
    if (!names.includes(key) && key !== 'link') throw malformed('dag-jose', `unknown field ${JSON.stringify(key)}`)
  }
  for (const name of names) {
    const value = map.get(name)
    if (value === undefined) {
      if (required.includes(name)) throw malformed('dag-jose', `missing required field ${name}`)
      continue
    }
    if (name === 'recipients') result.set(name, shapeList(value, RECIPIENT_FIELDS, [], convert))
    else if (name === 'signatures') result.set(name, shapeList(value, SIGNATURE_FIELDS, ['signature'], convert))
    else result.set(name, BASE64_FIELDS.has(name) ? convert(value, name) : value)
  }
  return result
}

function shapeList(value: DagValue, names: readonly string[], required: readonly string[], convert: Convert): DagValue {
  if (!Array.isArray(value)) throw malformed('dag-jose', 'recipients and signatures are lists')
  return value.map(item => {
    if (!(item instanceof Map)) throw malformed('dag-jose', 'a recipient or signature is not a map')
    return shape(item, names, required, convert)
  })
}

/** Moves the fields of a flattened JWE or JWS into the list that the general form has. */
function unflatten(map: DagMap, list: string, inner: readonly string[]): DagMap {
  // `protected` belongs to the whole of a JWE, and to a signature of a JWS.
  const moved = inner.filter(name => map.has(name))
  if (map.has(list)) {
    if (moved.length > 0) throw malformed('dag-jose', 'invalid serialization: both general and flattened')
    return map
  }
  const general: DagMap = new Map([...map].filter(([key]) => !moved.includes(key)))
  const item: DagMap = new Map(moved.map(name => [name, map.get(name) ?? null]))
  if (moved.length > 0 || list === 'signatures') general.set(list, [item])
  return general
}

function toText(value: DagValue, field: string): DagValue {
  if (!(value instanceof Uint8Array)) throw malformed('dag-jose', `${field} is not bytes`)
  return Buffer.from(value).toString('base64url')
}

function toBytes(value: DagValue, field: string): DagValue {
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]*$/.test(value) || value.length % 4 === 1) {
    throw malformed('dag-jose', `${field} is not base64url`)
  }
  return new Uint8Array(Buffer.from(value, 'base64url'))
}

function payloadLink(payload: Uint8Array): DagValue {
  try {
    return cidFromBytes(payload, 0, payload.length)
  } catch (error) {
    throw malformed('dag-jose', `payload is not a valid CID: ${error instanceof Error ? error.message : String(error)}`)
  }
}
