/**
 * Keeps `test/result-fields.txt`, the fields of the results of all commands, a line each. Scripts rely on them: later
 * versions only add some. Run `npm run fields` after adding one; it refuses to take any away.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OneOf, type Shape } from '../src/contract/shape.ts'
import { loadDeclarations } from './declarations.ts'

const FILE = join(import.meta.dirname, '../test/result-fields.txt')

/**
 * Returns the fields of a shape, as `Objects[].Links[].Size int`; of one that may be absent the name ends in `?`. Of
 * several shapes all fields are named.
 */
export function resultFields(shape: Shape, place = ''): string[] {
  if (typeof shape === 'string') return [`${place} ${shape.replace(/: .*$/s, '')}`.trim()]
  if (shape instanceof OneOf) return [...new Set(shape.shapes.flatMap(one => resultFields(one, place)))]
  if (Array.isArray(shape)) return shape.flatMap((item: Shape) => resultFields(item, `${place}[]`))
  return Object.entries(shape).flatMap(([name, inner]) =>
    resultFields(inner as Shape, place === '' ? name : `${place}.${name}`),
  )
}

/** Returns the fields of all commands, each with the words of its command in front. */
export async function allResultFields(): Promise<string[]> {
  const lines: string[] = []
  for (const [path, { result }] of await loadDeclarations()) {
    if (result !== undefined) lines.push(...resultFields(result).map(field => `${path}: ${field}`))
  }
  return lines.sort()
}

/** Returns the fields that were recorded. */
export function recordedFields(): string[] {
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter(line => line !== '')
}

/** Returns which of the recorded fields are no longer promised. One that may be absent may come to be always there. */
export function missingFields(recorded: readonly string[], current: readonly string[]): string[] {
  const promised = new Set(current.flatMap(line => weakened(line)))
  return recorded.filter(line => !promised.has(line))
}

/** Returns all that holds where a field is as it is: it is there, so it may be there. */
function weakened(line: string): string[] {
  const at = line.indexOf(': ') + 2
  const space = line.indexOf(' ', at)
  if (space < 0) return [line]
  let forms = ['']
  for (const name of line.slice(at, space).split('.')) {
    const [, bare = name, list = ''] = /^(.*?)((?:\[\])*)$/.exec(name) ?? []
    const both = bare.endsWith('?') || bare === '*' || bare === '' ? [name] : [name, `${bare}?${list}`]
    forms = forms.flatMap(form => both.map(one => (form === '' ? one : `${form}.${one}`)))
  }
  return forms.map(form => line.slice(0, at) + form + line.slice(space))
}

if (import.meta.main) {
  const current = await allResultFields()
  const missing = missingFields(recordedFields(), current)
  if (missing.length > 0) {
    console.error(`fields that scripts rely on are gone:\n${missing.join('\n')}`)
    process.exitCode = 1
  } else writeFileSync(FILE, `${current.join('\n')}\n`)
}
