const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

const RAW_BYTE = /^[\udc80-\udcff]$/

/**
 * Returns a name with backslashes and whatever cannot be printed as Go escapes it (`\n`, `\x1b`, `\u200b`), so that no
 * name can move the cursor of a terminal. Bytes that are not UTF-8 (surrogate-escape.ts) appear as `\xff` in such a name.
 */
export function escapeName(name: string): string {
  if (PLAIN.test(name)) return name
  let text = ''
  let needed = false
  for (const character of name) {
    const escaped = escapeCharacter(character)
    // As in Kubo a byte that is not UTF-8 is shown as it is, unless the name has to be escaped anyway.
    needed ||= escaped !== character && !RAW_BYTE.test(character)
    text += escaped
  }
  return needed ? text : name
}

/** Returns how names are shown: escaped, but where NUL ends each line as they are, as long as they hold none. */
export function nameText(lineEnd: string | undefined): (name: string) => string {
  if (lineEnd !== '\0') return escapeName
  return name => (name.includes('\0') ? escapeName(name) : name)
}

function escapeCharacter(character: string): string {
  const known = ESCAPES[character]
  if (known !== undefined) return known
  const code = character.codePointAt(0) ?? 0
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${hex(code - 0xdc00, 2)}`
  if (PRINTABLE.test(character)) return character
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, '0')
}
