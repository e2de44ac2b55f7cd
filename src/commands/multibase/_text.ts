import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'

const INPUT_BYTES_MAX = 4 * 1024 * 1024

/** Returns the bytes of the one file that the caller sent along. */
export async function inputBytes(source: AsyncIterable<SourceEntry>): Promise<Uint8Array> {
  return await (await import('../../node/file-bytes.ts')).fileBytes(source, INPUT_BYTES_MAX)
}

/** Returns the bytes that a text in multibase stands for. Throws a `usage` Failure in Kubo's words. */
export async function decodeInput(source: AsyncIterable<SourceEntry>): Promise<Uint8Array> {
  const [{ decodeMultibase }, { nameFromBytes }] = await Promise.all([
    import('../../node/multibase.ts'),
    import('../../contract/surrogate-escape.ts'),
  ])
  const text = nameFromBytes(await inputBytes(source))
  try {
    return decodeMultibase(text).bytes
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('usage', `failed to decode multibase: ${reason}`, {
      hint: /\s$/.test(text) ? 'the input ends with white space: leave it out' : undefined,
      cause: error,
    })
  }
}

/** Returns bytes in the encoding that a name stands for. */
export async function encodeOutput(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  const [{ baseByName, encodeMultibase }, { nameToBytes }] = await Promise.all([
    import('../../node/multibase.ts'),
    import('../../contract/surrogate-escape.ts'),
  ])
  return nameToBytes(encodeMultibase(baseByName(name), bytes))
}
