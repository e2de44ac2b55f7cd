import type { Command, Output, View } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { fieldsOf, mayHave, type Shape, shapesAt } from '../contract/shape.ts'
import { escapeControls } from './escape-controls.ts'

/** An escape, or a field in braces. Other braces are text. */
const PART = /\\([\\nrt0{}])|\{([\w./-]+)\}/g
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' }
const FIELDS_TOLD_MAX = 20

type Described = Pick<Command, 'path' | 'result' | 'items'> & { readonly output?: unknown }
type Scope = Readonly<Record<string, unknown>>

/** Prints each result as a line of text, in which `{Field}` and `{Field.Sub}` stand for its values. */
export class Template {
  readonly #text: string
  readonly #fields: readonly (readonly string[])[]
  readonly #items: Command['items']

  /** Throws a `usage` Failure for a field that no result of the command has, before anything is done. */
  constructor(text: string, command: Described) {
    if (command.output === 'bytes') throw notRecords()
    this.#text = text
    this.#fields = [...text.matchAll(PART)].flatMap(([, , field]) => (field === undefined ? [] : [field.split('.')]))
    const { result } = command
    const items = itemsOf(command)
    const below = result === undefined || items === undefined ? [] : itemShapes(result, items)
    for (const field of this.#fields) {
      if (result === undefined || [result, ...below].some(shape => mayHave(shape, field))) continue
      throw new Failure('usage', `--template: a result of "${command.path}" has no field "${field.join('.')}"`, {
        hint: `it has ${namesOf(below.length > 0 ? below : [result]).join(', ')}`,
      })
    }
    // What speaks of the whole alone is printed once for the whole.
    const isOfItems =
      this.#fields.length === 0 || this.#fields.some(field => below.some(shape => mayHave(shape, field)))
    this.#items = isOfItems ? items : undefined
  }

  /** Prints what comes, each line with `end` behind it. */
  async print(
    outputs: AsyncIterable<Output>,
    end: string,
    { io, out, progress }: Pick<View, 'io' | 'out' | 'progress'>,
  ): Promise<void> {
    const shown = io.terminal.out ? escapeControls : (text: string): string => text
    for await (const output of outputs) {
      if (output instanceof Uint8Array) throw notRecords()
      await progress.clear()
      for (const scopes of this.#items === undefined ? [[output]] : scopesOf(output, this.#items)) {
        // It tells of something else: of progress, or that there are no items.
        if (this.#fields.length > 0 && !this.#fields.some(field => hasField(scopes, field))) continue
        await out.write(`${this.#line(scopes, shown)}${end}`)
      }
    }
  }

  #line(scopes: readonly Scope[], shown: (text: string) => string): string {
    return this.#text.replace(PART, (_, letter: string | undefined, field: string | undefined) =>
      letter === undefined ? shown(valueText(scopes, (field ?? '').split('.'))) : (ESCAPES[letter] ?? letter),
    )
  }
}

function notRecords(): Failure {
  return new Failure('usage', '--template: this command prints bytes, not records')
}

/** A result that is a list is a list of items, declared or not. */
function itemsOf({ items, result }: Described): Command['items'] {
  return items ?? (Array.isArray(result) ? { at: '' } : undefined)
}

function stepsOf({ at }: { readonly at: string }): string[] {
  return at === '' ? [] : at.split('.')
}

/** Returns what items may look like: those of lists and maps, each with the name of a value or key that stands alone. */
function itemShapes(result: Shape, { at, name }: NonNullable<Command['items']>): Shape[] {
  let shapes: readonly Shape[] = [result]
  for (const step of [...stepsOf({ at }), '*']) shapes = shapes.flatMap(shape => shapesAt(shape, step))
  const named: Shape[] = name === undefined ? [] : [{ [name]: 'text' }]
  return [...shapes, ...named]
}

function namesOf(shapes: readonly Shape[]): string[] {
  return [...new Set(shapes.flatMap(fieldsOf))].slice(0, FIELDS_TOLD_MAX)
}

/** Yields each item and what it lies in, from the inside out; a record without such a place is one itself. */
function* scopesOf(record: unknown, items: NonNullable<Command['items']>): Iterable<readonly Scope[]> {
  const steps = stepsOf(items)
  const [first] = steps
  const [field, value] = items.only ?? []
  if (field !== undefined && isRecord(record) && record[field] !== value) return
  if (first === undefined || !isRecord(record) || Object.hasOwn(record, first)) {
    yield* descend(record, steps, [], items.name)
  } else yield [record]
}

function* descend(
  value: unknown,
  steps: readonly string[],
  around: readonly Scope[],
  name: string | undefined,
): Iterable<readonly Scope[]> {
  const [step, ...rest] = steps
  if (step !== undefined && step !== '*') {
    if (isRecord(value)) yield* descend(value[step], rest, [value, ...around], name)
    return
  }
  const entries: Iterable<[string, unknown]> = isRecord(value) && !Array.isArray(value) ? Object.entries(value) : []
  const listed: Iterable<[string | undefined, unknown]> = Array.isArray(value)
    ? value.map((item): [undefined, unknown] => [undefined, item])
    : entries
  for (const [key, item] of listed) {
    if (step === '*') yield* descend(item, rest, around, name)
    else yield [itemScope(key, item, name), ...around]
  }
}

function itemScope(key: string | undefined, item: unknown, name: string | undefined): Scope {
  const fields: Scope = isRecord(item) ? item : {}
  if (name === undefined) return fields
  return { [name]: key ?? item, ...fields }
}

function isRecord(value: unknown): value is Scope {
  return typeof value === 'object' && value !== null
}

function hasField(scopes: readonly Scope[], [first = '']: readonly string[]): boolean {
  return scopes.some(scope => Object.hasOwn(scope, first))
}

/** Returns a value as text: what is not there is empty, a list or a record is JSON. */
function valueText(scopes: readonly Scope[], [first = '', ...rest]: readonly string[]): string {
  let value: unknown = scopes.find(scope => Object.hasOwn(scope, first))?.[first]
  for (const key of rest) value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
