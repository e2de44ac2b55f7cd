import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Returns what is wrong with the links of a page: files that are not there, headings that are not in them. */
export function brokenLinks(root: string, page: string): string[] {
  const problems: string[] = []
  for (const [at, line] of textLines(join(root, page))) {
    for (const [, target = ''] of line.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', heading] = target.split('#')
      const file = path === '' ? join(root, page) : join(root, dirname(page), path)
      if (!existsSync(file)) problems.push(`${page}:${at}: ${target}: there is no such file`)
      else if (heading !== undefined && !headingsOf(file).has(heading)) {
        problems.push(`${page}:${at}: ${target}: there is no such heading`)
      }
    }
  }
  return problems
}

/** Yields the lines outside of code, with their numbers. */
function* textLines(file: string): Iterable<readonly [number, string]> {
  let isCode = false
  for (const [at, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line.startsWith('```')) isCode = !isCode
    else if (!isCode) yield [at + 1, line.replace(/`[^`]*`/g, '')]
  }
}

function headingsOf(file: string): Set<string> {
  if (!file.endsWith('.md')) return new Set()
  const lines = readFileSync(file, 'utf8').split('\n')
  return new Set(lines.flatMap(line => (/^#+ /.test(line) ? [slug(line.replace(/^#+ /, ''))] : [])))
}

/** As GitHub, and the site, name the anchors of headings. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}
