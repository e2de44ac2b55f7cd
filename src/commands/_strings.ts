import type { View } from '../contract/command.ts'
import type { Params } from '../contract/params.ts'

/** What several commands about the network answer: lines of text; null when there are none. */
export interface Strings {
  readonly Strings: readonly string[] | null
}

/** Prints one text a line. */
export async function renderStrings<P extends Params>(
  outputs: AsyncIterable<Strings>,
  { out, lineEnd }: View<P>,
): Promise<void> {
  const { nameText } = await import('./_escape.ts')
  const named = nameText(lineEnd)
  for await (const { Strings } of outputs) for (const line of Strings ?? []) await out.write(`${named(line)}\n`)
}
