// Without `node:crypto`: loading it takes longer than a small command.

/** Returns a random whole number from 0 up to 2^32, which does not belong to it. */
export function random32(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
}

/** Returns so many random bytes in hexadecimal digits. */
export function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex')
}
