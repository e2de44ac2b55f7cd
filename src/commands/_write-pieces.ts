import type { View } from '../contract/command.ts'
import type { Sink } from '../contract/io.ts'

/** Writes bytes, each piece while the next one is read and hashed: two are looked at at a time. `wrote` hears of each. */
export async function writePieces(
  pieces: AsyncIterable<Uint8Array>,
  out: Sink,
  wrote: (bytes: number) => void,
): Promise<void> {
  let writing: Promise<void> | undefined
  try {
    for await (const piece of pieces) {
      await writing
      writing = out.write(piece)
      // It is awaited with the next piece; until then nobody listens.
      writing.catch(() => undefined)
      wrote(piece.length)
    }
  } finally {
    // What came before a failure is printed.
    await writing?.catch(() => undefined)
  }
  await writing
}

/** Returns what shows, on the progress line, how many bytes were written. */
export function byteReporter({ progress, length }: Pick<View, 'progress' | 'length'>): (bytes: number) => void {
  let done = 0
  return bytes => {
    done += bytes
    progress.update({ done, total: length?.(), unit: 'bytes' })
  }
}
