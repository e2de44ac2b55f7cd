import type { View } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'
import type { CodeAndName } from './_bases.ts'

/** Options of the commands that list codecs and hash functions. */
export const codeParams = {
  numeric: flag('Show codes too', { short: 'n', caller: true }),
  supported: flag('List only what is supported here', { short: 's' }),
}

/** Prints codes and names in the order of the codes. */
export async function renderCodes(
  outputs: AsyncIterable<readonly CodeAndName[]>,
  { input, out }: View<typeof codeParams>,
): Promise<void> {
  for await (const codes of outputs) {
    for (const { Code, Name } of codes.toSorted((one, other) => one.Code - other.Code)) {
      await out.write(input.numeric ? `${String(Code).padStart(5)}  ${Name}\n` : `${Name}\n`)
    }
  }
}
