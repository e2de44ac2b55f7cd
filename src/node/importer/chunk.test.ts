import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Failure } from '../../contract/failure.ts'
import { chunk, parseChunker } from './chunk.ts'

/** Returns bytes that look random, with a long run of zeros in the middle. */
function sample(): Uint8Array {
  const pieces: Uint8Array[] = []
  for (let nth = 0; nth < 65_536; nth += 1) pieces.push(createHash('sha256').update(`${nth}`).digest())
  const noise = Buffer.concat(pieces)
  return Buffer.concat([noise, new Uint8Array(1_000_000), noise])
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function lengths(bytes: Uint8Array, chunker: string, pieceBytes: number): Promise<number[]> {
  const found: number[] = []
  const whole = createHash('sha256')
  for await (const one of chunk(inPieces(bytes, pieceBytes), chunker)) {
    found.push(one.length)
    whole.update(one)
  }
  assert.deepEqual(whole.digest(), createHash('sha256').update(bytes).digest(), 'no byte is lost')
  return found
}

// What Kubo 0.44 makes of the sample: how many chunks, and the SHA-256 of their sizes, one a line.
const KUBO: readonly (readonly [chunker: string, count: number, digest: string])[] = [
  ['size-1000', 5195, 'dab23174460ce96d75315080da3fa43aacbc33b84a8930def5f518d220461b0b'],
  ['size-262144', 20, 'fc5c8ac896fc89c93613358a3364d58416b61af14a5c38669c7081f673298034'],
  ['rabin', 29, '1eedd690a2b17b70e7dfb77324523378d74b7692c971c0e899ea725e952e0ae9'],
  ['rabin-1000', 8285, '36cf5b20d37df25f6d316fd7477a38198210e3a227b155525a7ed6572f3ddc4c'],
  ['rabin-min:1000-avg:5000-max:20000', 1833, 'ff0c248e0b8828708781dbf97467a72010ce57dd32fefca3fe7ef3c7da90b681'],
  ['rabin-100000-300000-1500000', 23, 'fe9f600c34a55195703521ced053192b15cb0dad49361e44d332dde4e6d9f006'],
  ['buzhash', 23, 'af3a0263048133092bbdb6808430f0698ac579343bcd09d5fede0e2e056b197e'],
]

test('chunks end where those of Kubo end, however the bytes arrive', async () => {
  const bytes = sample()
  for (const [chunker, count, expected] of KUBO) {
    for (const pieceBytes of [65_536, 1_000_003, bytes.length]) {
      const found = await lengths(bytes, chunker, pieceBytes)
      const digest = createHash('sha256')
        .update(found.map(length => `${length}\n`).join(''))
        .digest('hex')
      assert.equal(found.length, count, chunker)
      assert.equal(digest, expected, chunker)
    }
  }
})

test('a stream without bytes has no chunks', async () => {
  for (const chunker of ['', 'size-10', 'rabin', 'buzhash']) {
    assert.deepEqual(await lengths(new Uint8Array(0), chunker, 1), [])
  }
})

test('a rabin chunker that is smaller than its window makes one chunk, within limits', async () => {
  const bytes = new Uint8Array(2 ** 20)
  assert.deepEqual(await lengths(bytes, 'rabin-40', 65_536), [2 ** 20])
  await assert.rejects(lengths(new Uint8Array(40_000_000), 'rabin-40', 65_536), Failure)
})

test('malformed chunkers are refused in the words of Kubo', () => {
  const refused: Record<string, string> = {
    fixed: 'unrecognized chunker option: fixed',
    size: 'incorrect chunker string format (expected size-{size})',
    'size-1-2': 'incorrect chunker string format (expected size-{size})',
    'size-x': 'strconv.Atoi: parsing "x": invalid syntax',
    'size-99999999999999999999': 'strconv.Atoi: parsing "99999999999999999999": value out of range',
    'size-0': 'chunker size must be greater than 0',
    'size-2096897': 'chunker parameters may not exceed the maximum chunk size of 2096896',
    'rabin-1398000': 'chunker parameters may not exceed the maximum chunk size of 2096896',
    'rabin-15-20-30': 'rabin min must be greater than 16',
    'rabin-avg:16-20-30': 'first label must be min',
    'rabin-16-x:20-30': 'second label must be avg',
    'rabin-16-20-x:30': 'final label must be max',
    'rabin-20-20-30': 'incorrect format: rabin-min must be smaller than rabin-avg',
    'rabin-16-30-30': 'incorrect format: rabin-avg must be smaller than rabin-max',
    'rabin-16-20': "incorrect format (expected 'rabin' 'rabin-[avg]' or 'rabin-[min]-[avg]-[max]'",
  }
  for (const [chunker, message] of Object.entries(refused)) {
    assert.throws(
      () => parseChunker(chunker),
      error => error instanceof Failure && error.kind === 'usage' && error.message === message,
      chunker,
    )
  }
  assert.equal(parseChunker('size-+7').bytes, 7)
})
