/** A message as it crosses the RPC: bytes are multibase (base64url). */
export interface MessageRecord {
  readonly from: string
  readonly data: string
  readonly seqno: string
  readonly topicIDs: readonly string[]
}

/** Returns bytes as the RPC of pubsub writes them. */
export function toMultibase(bytes: Uint8Array): string {
  return `u${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')}`
}

/** Returns the bytes of what `toMultibase` wrote. */
export function fromMultibase(text: string): Buffer {
  return Buffer.from(text.slice(1), 'base64url')
}
