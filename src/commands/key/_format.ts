import { Failure } from '../../contract/failure.ts'
import type { KeyFormat } from '../../node/named-keys.ts'

const FORMATS: readonly KeyFormat[] = ['libp2p-protobuf-cleartext', 'pem-pkcs8-cleartext']

/** Returns the form of keys that a text names. Throws `usage`. */
export function keyFormat(text: string, verb: 'import' | 'export'): KeyFormat {
  const format = FORMATS.find(one => one === text)
  if (format !== undefined) return format
  throw new Failure('usage', `unrecognized ${verb} format: ${text}`, { hint: `choose ${FORMATS.join(' or ')}` })
}
