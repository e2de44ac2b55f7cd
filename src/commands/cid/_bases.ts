import type { View } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'

export interface CodeAndName {
  readonly Code: number
  readonly Name: string
}

/** Options of the two commands that list encodings. */
export const baseParams = {
  prefix: flag('Show the prefix of each encoding too', { caller: true }),
  numeric: flag('Show the code of each encoding too', { caller: true }),
}

/** Yields all encodings, in one answer. */
export async function* listBases(): AsyncIterable<readonly CodeAndName[]> {
  const { BASES } = await import('../../node/multibase.ts')
  yield BASES.map(({ name, prefix }) => ({ Code: prefix.codePointAt(0) ?? 0, Name: name }))
}

/** Prints encodings in the order of their prefixes, lower case first. */
export async function renderBases(
  outputs: AsyncIterable<readonly CodeAndName[]>,
  { input, out }: View<typeof baseParams>,
): Promise<void> {
  for await (const bases of outputs) {
    const sorted = bases.toSorted((one, other) => lower(one.Code) - lower(other.Code) || other.Code - one.Code)
    for (const { Code, Name } of sorted) {
      // What cannot be printed is not shown.
      const prefix = input.prefix
        ? `${Code < 0x20 ? ' ' : String.fromCodePoint(Code)}${input.numeric ? ' ' : '  '}`
        : ''
      const code = input.numeric ? `${String(Code).padStart(7)}  ` : ''
      await out.write(`${prefix}${code}${Name}\n`)
    }
  }
}

function lower(code: number): number {
  return String.fromCodePoint(code).toLowerCase().codePointAt(0) ?? 0
}
