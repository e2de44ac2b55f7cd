import { marked, type Token, type Tokens } from 'marked'

/** Returns the lines of a manual page's body for a page of docs/: headings, paragraphs, lists, tables, code. */
export function manualBody(markdown: string): string[] {
  const lines = marked.lexer(markdown).flatMap(blockLines)
  // A heading begins a paragraph by itself.
  return lines.filter((line, at) => line !== '.PP' || lines[at - 1]?.startsWith('.SH') !== true)
}

function blockLines(token: Token): string[] {
  switch (token.type) {
    case 'heading':
      // The title is the name of the page.
      return token.depth === 1 ? ['.SH DESCRIPTION'] : [`.SH ${inline(token.text).toUpperCase()}`]
    case 'paragraph':
      return ['.PP', ...filled(inline(token.text))]
    case 'code':
      return ['.PP', '.nf', ...token.text.split('\n').map(escaped), '.fi']
    case 'list':
      return (token as Tokens.List).items.flatMap((item, at) => [
        `.IP ${token.ordered ? `${at + 1}.` : '\\(bu'} 4`,
        ...filled(inline(item.text)),
      ])
    case 'table':
      return (token as Tokens.Table).rows.flatMap(([first, ...rest]) => [
        '.TP',
        `.B ${inline(first?.text ?? '')}`,
        ...filled(
          rest
            .map(cell => inline(cell.text))
            .filter(text => text !== '')
            .join('; ') || '\\&',
        ),
      ])
    default:
      return []
  }
}

/** Takes the marks of Markdown away: what is a link is named by its text. */
function inline(text: string): string {
  return escaped(
    text
      .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
      .replace(/[`*]/g, '')
      .replace(/\s*\n\s*/g, ' '),
  )
}

function escaped(text: string): string {
  const plain = text.replaceAll('\\', '\\e').replaceAll('-', '\\-')
  return /^[.']/.test(plain) ? `\\&${plain}` : plain
}

/** A sentence a line, as roff wants it. */
function filled(text: string): string[] {
  return text.split(/(?<=[.!?]) (?=[A-Z`])/).map(line => (/^[.']/.test(line) ? `\\&${line}` : line))
}
