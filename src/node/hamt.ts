/**
 * The arithmetic of HAMT directories (https://specs.ipfs.tech/unixfs/#dag-pb-hamtdirectory): names are placed by the
 * bits of their 64-bit murmur3 hash, most significant first.
 */

/** The multihash code that a HAMT node names as its hash function: murmur3-x64-64. */
export const HAMT_HASH_MURMUR3 = 0x22

/** Fanout that boxo writes. */
export const HAMT_FANOUT = 256

/** Returns the 8 bytes of the hash that place a name: murmur3-x64-128's first half, big-endian. */
export function hamtHash(name: Uint8Array): Uint8Array {
  const out = new Uint8Array(8)
  const half = murmur3(name)
  const view = new DataView(out.buffer)
  view.setUint32(0, half.high)
  view.setUint32(4, half.low)
  return out
}

/** Returns how many bits of the hash one level of a HAMT of that fanout takes. */
export function hamtBits(fanout: number): number {
  return 31 - Math.clz32(fanout)
}

/** Returns the slot of a hash at a level; undefined when its bits are used up. */
export function hamtHashBits(hash: Uint8Array, level: number, bits: number): number | undefined {
  if ((level + 1) * bits > hash.length * 8) return undefined
  let index = 0
  for (let bit = level * bits; bit < (level + 1) * bits; bit++) {
    index = (index << 1) | (((hash[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1)
  }
  return index
}

/** Returns the prefix of a link's name at a slot: its number in hexadecimal, as wide as the largest slot. */
export function hamtPrefix(index: number, fanout: number): string {
  return index.toString(16).toUpperCase().padStart(hamtPrefixLength(fanout), '0')
}

/** Returns how many characters of a link's name are the prefix. */
export function hamtPrefixLength(fanout: number): number {
  return Math.ceil(hamtBits(fanout) / 4)
}

// 64-bit integers as two halves of 32 bits: BigInt allocates at each step.
interface Long {
  high: number
  low: number
}

function add(a: Long, high: number, low: number): void {
  const sum = (a.low >>> 0) + (low >>> 0)
  a.low = sum | 0
  a.high = (a.high + high + (sum > 0xffffffff ? 1 : 0)) | 0
}

function multiply(a: Long, high: number, low: number): void {
  const [al, ah, bl, bh] = [a.low & 0xffff, a.low >>> 16, low & 0xffff, low >>> 16]
  const ll = al * bl
  const middle = ah * bl + (ll >>> 16)
  const carry = al * bh + (middle % 0x10000)
  const top = ah * bh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)
  a.high = (top + Math.imul(a.low, high) + Math.imul(a.high, low)) | 0
  a.low = ((carry & 0xffff) << 16) | (ll & 0xffff) | 0
}

function rotate(a: Long, by: number): void {
  const { high, low } = a
  if (by === 32) {
    a.high = low
    a.low = high
    return
  }
  const [first, second] = by < 32 ? [high, low] : [low, high]
  const shift = by & 31
  a.high = (first << shift) | (second >>> (32 - shift))
  a.low = (second << shift) | (first >>> (32 - shift))
}

function finish(a: Long): void {
  a.low ^= a.high >>> 1
  multiply(a, 0xff51afd7, 0xed558ccd)
  a.low ^= a.high >>> 1
  multiply(a, 0xc4ceb9fe, 0x1a85ec53)
  a.low ^= a.high >>> 1
}

function mix(
  h: Long,
  k: Long,
  first: readonly [number, number],
  turn: number,
  second: readonly [number, number],
): void {
  multiply(k, first[0], first[1])
  rotate(k, turn)
  multiply(k, second[0], second[1])
  h.high ^= k.high
  h.low ^= k.low
}

const C1 = [0x87c37b91, 0x114253d5] as const
const C2 = [0x4cf5ad43, 0x2745937f] as const

/** Returns the first half of MurmurHash3 x64 128 with seed 0. */
function murmur3(bytes: Uint8Array): Long {
  const h1: Long = { high: 0, low: 0 }
  const h2: Long = { high: 0, low: 0 }
  const word = (at: number): number =>
    (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
  const whole = bytes.length & ~15
  for (let at = 0; at < whole; at += 16) {
    mix(h1, { low: word(at), high: word(at + 4) }, C1, 31, C2)
    rotate(h1, 27)
    add(h1, h2.high, h2.low)
    multiply(h1, 0, 5)
    add(h1, 0, 0x52dce729)
    mix(h2, { low: word(at + 8), high: word(at + 12) }, C2, 33, C1)
    rotate(h2, 31)
    add(h2, h1.high, h1.low)
    multiply(h2, 0, 5)
    add(h2, 0, 0x38495ab5)
  }
  // Bytes past the end read as 0, which changes nothing in the words of the tail.
  if (bytes.length - whole > 8) mix(h2, { low: word(whole + 8), high: word(whole + 12) }, C2, 33, C1)
  if (bytes.length > whole) mix(h1, { low: word(whole), high: word(whole + 4) }, C1, 31, C2)
  h1.low ^= bytes.length
  h2.low ^= bytes.length
  add(h1, h2.high, h2.low)
  add(h2, h1.high, h1.low)
  finish(h1)
  finish(h2)
  add(h1, h2.high, h2.low)
  return h1
}
