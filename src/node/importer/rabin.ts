/** The bytes that a fingerprint is made of. */
const WINDOW_BYTES = 16
/** The irreducible polynomial, of degree 53. */
const POLYNOMIAL = 17437180132763653n
const DEGREE = 53

/** What a byte that leaves the window, and one that overflows, changes in a fingerprint: the low and high 32 bits. */
interface Tables {
  readonly outLow: Int32Array
  readonly outHigh: Int32Array
  readonly modLow: Int32Array
  readonly modHigh: Int32Array
}

let known: Tables | undefined

/**
 * Returns a function that finds where the first chunk of `bytes` from `start` ends, by Rabin fingerprints as
 * `whyrusleeping/chunker` computes them: behind the first window, at least `least` bytes in, whose fingerprint ends in
 * as many zero bits as `average` has binary digits less one; after `most` bytes at the latest.
 */
export function rabinCut(
  least: number,
  average: number,
  most: number,
): (bytes: Uint8Array, start: number, end: number) => number {
  const mask = 2 ** Math.floor(Math.log2(average)) - 1
  known ??= makeTables()
  const { outLow, outHigh, modLow, modHigh } = known
  return (bytes, start, end) => {
    const first = start + least - WINDOW_BYTES
    const last = Math.min(end, start + most)
    if (first >= last) return last
    // The window begins with a one and zeros; the one leaves it as the sixteenth byte comes in.
    let low = 1
    let high = 0
    for (let at = first; at < last; at += 1) {
      const passed = at - first
      const out = passed >= WINDOW_BYTES ? (bytes[at - WINDOW_BYTES] as number) : passed === WINDOW_BYTES - 1 ? 1 : 0
      low ^= outLow[out] as number
      high ^= outHigh[out] as number
      const index = (high >>> (DEGREE - 8 - 32)) & 0xff
      high = ((high << 8) | (low >>> 24)) ^ (modHigh[index] as number)
      low = ((low << 8) | (bytes[at] as number)) ^ (modLow[index] as number)
      if ((low & mask) === 0 && at + 1 - start >= least) return at + 1
    }
    return last
  }
}

function makeTables(): Tables {
  const tables = {
    outLow: new Int32Array(256),
    outHigh: new Int32Array(256),
    modLow: new Int32Array(256),
    modHigh: new Int32Array(256),
  }
  for (let byte = 0; byte < 256; byte += 1) {
    const out = remainder(BigInt(byte) << BigInt(8 * (WINDOW_BYTES - 1)))
    tables.outLow[byte] = Number(BigInt.asIntN(32, out))
    tables.outHigh[byte] = Number(BigInt.asIntN(32, out >> 32n))
    // One exclusive or takes the eight bits above the degree away, and puts what remains of them in their place.
    const above = BigInt(byte) << BigInt(DEGREE)
    const mod = remainder(above) | above
    tables.modLow[byte] = Number(BigInt.asIntN(32, mod))
    tables.modHigh[byte] = Number(BigInt.asIntN(32, mod >> 32n))
  }
  return tables
}

/** Returns the remainder of a polynomial over GF(2). */
function remainder(polynomial: bigint): bigint {
  let left = polynomial
  for (let degree = left.toString(2).length - 1; degree >= DEGREE; degree -= 1) {
    if ((left >> BigInt(degree)) & 1n) left ^= POLYNOMIAL << BigInt(degree - DEGREE)
  }
  return left
}
