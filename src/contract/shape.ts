/**
 * What a command's results look like, written so that it reads like the result itself:
 *
 *     { Key: 'cid: the block', Size: 'int: bytes', 'Labels?': { '*': 'text' }, Links: [{ Name: 'text' }] }
 *
 * A text names a kind of value, and may tell what it is after a colon. A list holds the shape of its items. A record
 * holds the shapes of its fields; one whose name ends in `?` may be absent, `*` stands for any other name. `oneOf`
 * chooses among shapes, `maybe` allows null.
 */
export type Shape = Kind | `${Kind}: ${string}` | readonly [Shape] | { readonly [field: string]: Shape } | OneOf

/** The kinds of single values. `time` is RFC 3339, `link` is `{"/": CID}`, `base64` bytes as text, `any` IPLD data. */
export type Kind = 'text' | 'cid' | 'int' | 'number' | 'flag' | 'time' | 'link' | 'base64' | 'null' | 'any'

/** One of several shapes. */
export class OneOf {
  readonly shapes: readonly Shape[]

  constructor(shapes: readonly Shape[]) {
    this.shapes = shapes
  }
}

/** Returns the shape of a value that has one of the given shapes. */
export function oneOf(...shapes: readonly Shape[]): OneOf {
  return new OneOf(shapes)
}

/** Returns the shape of a value that may be null. */
export function maybe(shape: Shape): OneOf {
  return new OneOf([shape, 'null'])
}

/** A part of a JSON Schema (https://json-schema.org/draft/2020-12). */
export type JsonSchema = { readonly [key: string]: unknown }

const KINDS: Readonly<Record<Kind, JsonSchema>> = {
  text: { type: 'string' },
  cid: { type: 'string', format: 'cid' },
  int: { type: 'integer' },
  number: { type: 'number' },
  flag: { type: 'boolean' },
  time: { type: 'string', format: 'date-time' },
  link: { type: 'object', properties: { '/': { type: 'string', format: 'cid' } }, required: ['/'] },
  base64: { type: 'string', contentEncoding: 'base64' },
  null: { type: 'null' },
  any: {},
}

/** Returns a shape as a JSON Schema. Records may have further fields: later versions only add some. */
export function jsonSchemaOf(shape: Shape): JsonSchema {
  if (typeof shape === 'string') {
    const [kind, about] = kindOf(shape)
    return about === undefined ? KINDS[kind] : { ...KINDS[kind], description: about }
  }
  if (shape instanceof OneOf) return { anyOf: shape.shapes.map(jsonSchemaOf) }
  if (isList(shape)) return { type: 'array', items: jsonSchemaOf(shape[0]) }
  const { fields, others } = recordOf(shape)
  const required = fields.filter(field => !field.optional).map(({ name }) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(({ name, shape: inner }) => [name, jsonSchemaOf(inner)])),
    ...(required.length === 0 ? {} : { required }),
    ...(others === undefined ? {} : { additionalProperties: jsonSchemaOf(others) }),
  }
}

/** Returns in what a value is not of a shape (`Links[0].Size: an integer is wanted`); undefined when it is. */
export function shapeProblem(shape: Shape, value: unknown, place = 'the result'): string | undefined {
  if (typeof shape === 'string') return kindProblem(kindOf(shape)[0], value, place)
  if (shape instanceof OneOf) {
    const problems = shape.shapes.map(one => shapeProblem(one, value, place))
    return problems.includes(undefined) ? undefined : problems.join('; or ')
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) return `${place}: a list is wanted`
    for (const [at, item] of value.entries()) {
      const problem = shapeProblem(shape[0], item, `${place}[${at}]`)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${place}: an object is wanted`
  return recordProblem(shape, new Map(Object.entries(value)), place)
}

/** Returns the shapes that a value may have at a field, or at an index of a list; `*` is any of them. */
export function shapesAt(shape: Shape, key: string): readonly Shape[] {
  if (typeof shape === 'string') {
    const [kind] = kindOf(shape)
    if (kind === 'any') return ['any']
    return kind === 'link' && (key === '/' || key === '*') ? ['cid'] : []
  }
  if (shape instanceof OneOf) return shape.shapes.flatMap(one => shapesAt(one, key))
  if (isList(shape)) return key === '*' || /^\d+$/.test(key) ? [shape[0]] : []
  const { fields, others } = recordOf(shape)
  if (key === '*') return [...fields.map(field => field.shape), ...(others === undefined ? [] : [others])]
  const field = fields.find(({ name }) => name === key)
  if (field !== undefined) return [field.shape]
  return others === undefined ? [] : [others]
}

/** Returns true when a value of a shape may have something at the end of a path of fields and indices. */
export function mayHave(shape: Shape, path: readonly string[]): boolean {
  let shapes: readonly Shape[] = [shape]
  for (const key of path) shapes = shapes.flatMap(one => shapesAt(one, key))
  return shapes.length > 0
}

/** Returns the names of the fields that a value of a shape may have. */
export function fieldsOf(shape: Shape): readonly string[] {
  if (typeof shape === 'string') return kindOf(shape)[0] === 'link' ? ['/'] : []
  if (shape instanceof OneOf) return shape.shapes.flatMap(fieldsOf)
  return isList(shape) ? fieldsOf(shape[0]) : recordOf(shape).fields.map(({ name }) => name)
}

function recordProblem(
  shape: { readonly [field: string]: Shape },
  value: Map<string, unknown>,
  place: string,
): string | undefined {
  const { fields, others } = recordOf(shape)
  for (const { name, optional, shape: inner } of fields) {
    if (!value.has(name)) {
      if (optional) continue
      return `${place}.${name} is missing`
    }
    const problem = shapeProblem(inner, value.get(name), `${place}.${name}`)
    if (problem !== undefined) return problem
    value.delete(name)
  }
  for (const [name, item] of value) {
    if (others === undefined) return `${place}.${name} is not described`
    const problem = shapeProblem(others, item, `${place}.${name}`)
    if (problem !== undefined) return problem
  }
  return undefined
}

function kindProblem(kind: Kind, value: unknown, place: string): string | undefined {
  switch (kind) {
    case 'any':
      return undefined
    case 'null':
      return value === null ? undefined : `${place}: null is wanted`
    case 'int':
      return Number.isInteger(value) ? undefined : `${place}: an integer is wanted`
    case 'number':
      return typeof value === 'number' ? undefined : `${place}: a number is wanted`
    case 'flag':
      return typeof value === 'boolean' ? undefined : `${place}: true or false is wanted`
    case 'link':
      return shapeProblem({ '/': 'cid' }, value, place)
    default:
      if (typeof value !== 'string') return `${place}: a text is wanted`
  }
  if (kind === 'time' && Number.isNaN(Date.parse(value))) return `${place}: a time is wanted`
  if (kind === 'cid' && !/^[A-Za-z0-9+/=_-]{4,}$/.test(value)) return `${place}: a CID is wanted`
  return undefined
}

interface Field {
  readonly name: string
  readonly optional: boolean
  readonly shape: Shape
}

function recordOf(shape: { readonly [field: string]: Shape }): { fields: Field[]; others: Shape | undefined } {
  const fields = Object.entries(shape)
    .filter(([name]) => name !== '*')
    .map(([name, inner]) => {
      const optional = name.endsWith('?')
      return { name: optional ? name.slice(0, -1) : name, optional, shape: inner }
    })
  return { fields, others: shape['*'] }
}

function isList(shape: Exclude<Shape, string | OneOf>): shape is readonly [Shape] {
  return Array.isArray(shape)
}

function kindOf(text: string): [Kind, string | undefined] {
  const at = text.indexOf(': ')
  const kind = at < 0 ? text : text.slice(0, at)
  if (!Object.hasOwn(KINDS, kind)) throw new Error(`"${kind}" is no kind of value`)
  return [kind as Kind, at < 0 ? undefined : text.slice(at + 2)]
}
