import { Failure } from '../../contract/failure.ts'
import { nameFromBytes, nameToBytes } from '../../contract/surrogate-escape.ts'

/** A message on the wire, with its signature and its control fields, is at most this large; Kubo's limit. */
export const RPC_BYTES_MAX = 1024 * 1024
const TOPIC_BYTES_MAX = 16 * 1024

/** What of a message depends on the key that signs it, in bytes. */
export interface SignedSizes {
  readonly author: number
  readonly key: number
  readonly signature: number
}

/** Throws a `usage` Failure when a message would be refused by those who receive it. */
export function checkSize(topic: Uint8Array, data: Uint8Array, { author, key, signature }: SignedSizes): void {
  const fields = [author, data.length, 8, topic.length, signature, key]
  const size = tagged(fields.map(tagged).reduce((sum, bytes) => sum + bytes))
  if (size <= RPC_BYTES_MAX) return
  throw new Failure('usage', `a message of ${data.length} bytes is too large for pubsub`, {
    hint: `with its signature it has at most ${RPC_BYTES_MAX} bytes; publish a CID instead`,
  })
}

/** Returns the size of a field of protobuf: its tag, its length, its bytes. */
function tagged(length: number): number {
  const prefix = length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4
  return 1 + prefix + length
}

/** Returns a sequence number as it travels. */
export function seqnoBytes(seqno: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, seqno)
  return bytes
}

/**
 * Returns a topic as the router names it: bytes that are no UTF-8 become lone surrogates, and each topic has one name.
 */
export function topicName(topic: Uint8Array): string {
  if (topic.length > TOPIC_BYTES_MAX) throw new Failure('usage', `a topic has at most ${TOPIC_BYTES_MAX} bytes`)
  return nameFromBytes(topic)
}

/** Returns the bytes of what `topicName` returned. */
export function topicBytes(name: string): Uint8Array {
  return nameToBytes(name)
}
