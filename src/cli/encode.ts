import type { Command, Output, View } from '../contract/command.ts'

/** Prints results without a command's own text form: bytes as they are, each record as one line of JSON. */
export async function renderJson(
  outputs: AsyncIterable<Output>,
  view: Pick<View, 'out' | 'progress'>,
  progressOf: Command['progressOf'],
): Promise<void> {
  for await (const output of outputs) {
    const progress = progressOf?.(output)
    if (progress !== undefined) {
      view.progress.update(progress)
      continue
    }
    await view.progress.clear()
    await view.out.write(output instanceof Uint8Array ? output : `${JSON.stringify(output)}\n`)
  }
}
