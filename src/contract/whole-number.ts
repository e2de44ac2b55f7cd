const WHOLE = /^([+-]?)(0[xX](?:_?[\da-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?\d)*)$/

/**
 * Returns a whole number as Go reads it: `0x10`, `0b10`, `0o10`, `010` (octal) and `1_000` are numbers, `1e3` and `1.0` are
 * none. Undefined for what is none; the bounds are the caller's.
 */
export function wholeNumber(text: string): bigint | undefined {
  const [, sign, digits = ''] = WHOLE.exec(text) ?? []
  if (sign === undefined) return undefined
  const size = BigInt(digits.replaceAll('_', '').replace(/^0(?=[0-7])/, '0o'))
  return sign === '-' ? -size : size
}
