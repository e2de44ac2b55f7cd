/** A hash under way. */
export interface PlatformHash {
  update(bytes: Uint8Array | string): PlatformHash
  digest(): Uint8Array
  digest(encoding: 'hex'): string
}

/** Bun's own hashes, where it runs us. */
declare const Bun:
  | {
      readonly CryptoHasher: new (name: string) => PlatformHash
      readonly SHA256: { hash(bytes: Uint8Array, target: Uint8Array): unknown }
    }
  | undefined

/**
 * Returns a hash of the platform by its name in OpenSSL: `sha256`. Loading `node:crypto` takes longer than a small
 * command, so it is left out where the runtime has hashes of its own.
 */
export function createHash(name: string): PlatformHash {
  return typeof Bun === 'undefined'
    ? process.getBuiltinModule('node:crypto').createHash(name)
    : new Bun.CryptoHasher(name)
}

/** Writes the digest of bytes that are all there into `target`, which is as long. */
export function hashInto(name: string, bytes: Uint8Array, target: Uint8Array): void {
  if (name === 'sha256' && typeof Bun !== 'undefined') Bun.SHA256.hash(bytes, target)
  else target.set(createHash(name).update(bytes).digest())
}
