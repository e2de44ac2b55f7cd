/** Combining marks, joiners, variation selectors: they take no column of their own. */
const NO_COLUMN = /^[\p{Mn}\p{Me}\p{Cf}]$/u
/** Ideographs, kana, Hangul, full-width forms, emoji: two columns each. */
const TWO_COLUMNS =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|^\p{Emoji_Presentation}/u

/** Returns how many columns of a terminal a text takes. It holds no control characters. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

/** Returns as much of the beginning of a text as fits into so many columns. */
export function cutToWidth(text: string, columns: number): string {
  let width = 0
  let end = 0
  for (const character of text) {
    width += columnsOf(character)
    if (width > columns) return text.slice(0, end)
    end += character.length
  }
  return text
}

/** Returns a text that fits into so many columns, with `…` in place of its beginning when it is too long. */
export function endWithin(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns < 2) return ''
  const characters = [...text]
  let width = 1
  let from = characters.length
  while (from > 0 && width + columnsOf(characters[from - 1] ?? '') <= columns) {
    from -= 1
    width += columnsOf(characters[from] ?? '')
  }
  return `…${characters.slice(from).join('')}`
}

function columnsOf(character: string): number {
  if (character < '\u0300') return 1
  if (NO_COLUMN.test(character)) return 0
  return TWO_COLUMNS.test(character) ? 2 : 1
}
