import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { Breath } from '../../repo/pause.ts'
import type { Waiting } from '../../repo/roles.ts'
import type { Node } from '../node.ts'
import { changeMfs } from './change.ts'
import { prepareCopy } from './copy.ts'
import { changeFormat, changeMode, changeTime, describing, makeDirectory, move, remove } from './operations.ts'
import { cleanMfsPath } from './path.ts'
import { cidFormat, type FileSettings, fileSettings } from './settings.ts'
import { timeOf } from './time.ts'
import type { MfsTree } from './tree.ts'
import { MfsWrite } from './write.ts'

/** The operations of one batch are kept until it is done. */
export const APPLY_BYTES_MAX: number = 64 * 1024 * 1024

/** A change that can be made in any tree, and again in another. */
type Step = (tree: MfsTree) => Promise<void>

interface Work {
  readonly node: Node
  readonly settings: FileSettings
  readonly waiting: Waiting
}

/** Applies operations (NDJSON; `files apply --help` has the schema) in one step. Returns their number and the new root. */
export async function applyOperations(
  node: Node,
  input: AsyncIterable<Uint8Array>,
  waiting: Waiting,
): Promise<{ count: number; root: CID }> {
  const work = { node, settings: fileSettings(await node.repo.config.read()), waiting }
  const steps: { readonly line: number; readonly step: Step }[] = []
  for await (const { line, text } of linesOf(input)) {
    const step = await describing(`line ${line}: `, async () => await stepOf(parseObject(text), work))
    steps.push({ line, step })
  }
  const root = await changeMfs(
    node,
    async tree => {
      const breath = new Breath()
      for (const { line, step } of steps) {
        await describing(`line ${line}: `, () => step(tree))
        await breath.take(waiting.signal)
      }
      return await tree.cidAt('/')
    },
    waiting,
  )
  return { count: steps.length, root }
}

async function stepOf(fields: Fields, work: Work): Promise<Step> {
  const { node, waiting } = work
  const op = fields.text('op')
  switch (op) {
    case 'mkdir': {
      const path = cleanMfsPath(fields.text('path'))
      const options = { parents: fields.flag('parents'), format: fields.format() }
      return fields.done(tree => makeDirectory(tree, path, options))
    }
    case 'cp': {
      const options = { parents: fields.flag('parents'), force: fields.flag('force') }
      const [source, dest] = [fields.text('source'), fields.text('dest')]
      fields.done(undefined)
      const copy = await prepareCopy(node, source, dest, options, waiting)
      return tree => copy.apply(tree)
    }
    case 'mv': {
      const [source, dest] = [cleanMfsPath(fields.text('source')), cleanMfsPath(fields.text('dest'))]
      return fields.done(tree => move(tree, source, dest))
    }
    case 'rm': {
      const path = cleanMfsPath(fields.text('path'))
      const options = { recursive: fields.flag('recursive'), force: fields.flag('force') }
      return fields.done(tree => remove(tree, path, options))
    }
    case 'write':
      return writeStep(fields, work)
    case 'chmod': {
      const path = cleanMfsPath(fields.text('path'))
      const mode = fields.text('mode')
      if (!/^[0-7]{1,10}$/.test(mode)) throw new Failure('usage', `invalid mode "${mode}"`)
      return fields.done(tree => changeMode(tree, node.blocks, path, Number.parseInt(mode, 8) & 0o777))
    }
    case 'touch': {
      const path = cleanMfsPath(fields.text('path'))
      const time = timeOf(fields.number('mtime'), fields.number('mtimeNsecs', 0))
      return fields.done(tree => changeTime(tree, node.blocks, path, time))
    }
    case 'chcid': {
      const [path, format] = [fields.text('path'), fields.format()]
      return fields.done(tree => changeFormat(tree, path, format))
    }
    default:
      throw new Failure('usage', `unknown operation "${op}"`, { hint: 'see tsipfs files apply --help' })
  }
}

function writeStep(fields: Fields, { node, settings, waiting }: Work): Step {
  const path = cleanMfsPath(fields.text('path'))
  const text = fields.optionalText('text')
  const base64 = fields.optionalText('base64')
  if (text !== undefined && base64 !== undefined) throw new Failure('usage', 'give "text" or "base64", not both')
  const bytes = base64 === undefined ? new TextEncoder().encode(text ?? '') : bytesOfBase64(base64)
  const options = {
    offset: fields.number('offset', 0) ?? 0,
    create: fields.flag('create'),
    parents: fields.flag('parents'),
    truncate: fields.flag('truncate'),
    count: undefined,
    rawLeaves: fields.optionalFlag('rawLeaves'),
    format: fields.format(),
  }
  return fields.done(async tree => {
    async function* data() {
      yield bytes
    }
    // The bytes are at hand, so a second time begins from them.
    await new MfsWrite(node.blocks, path, data(), options, settings, waiting).apply(tree)
  })
}

function bytesOfBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Failure('usage', 'malformed base64')
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

function parseObject(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Failure('usage', 'it is no JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Failure('usage', 'it is no JSON object')
  }
  return new Fields(new Map(Object.entries(value)))
}

/** The fields of an operation; those that were never asked for are refused. */
class Fields {
  readonly #left: Map<string, unknown>

  constructor(fields: Map<string, unknown>) {
    this.#left = fields
  }

  text(name: string): string {
    const value = this.optionalText(name)
    if (value === undefined) throw new Failure('usage', `"${name}" is missing`)
    return value
  }

  optionalText(name: string): string | undefined {
    const value = this.#take(name)
    if (value === undefined || typeof value === 'string') return value
    throw new Failure('usage', `"${name}" must be a string`)
  }

  flag(name: string): boolean {
    return this.optionalFlag(name) ?? false
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#take(name)
    if (value === undefined || typeof value === 'boolean') return value
    throw new Failure('usage', `"${name}" must be true or false`)
  }

  number(name: string, least = Number.MIN_SAFE_INTEGER): number | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
    throw new Failure('usage', `"${name}" must be a whole number${least === 0 ? ' that is not negative' : ''}`)
  }

  format(): ReturnType<typeof cidFormat> {
    return cidFormat(this.number('cidVersion'), this.optionalText('hash'))
  }

  /** Returns the step, once all fields are known. */
  done<T>(step: T): T {
    const [unknown] = this.#left.keys()
    if (unknown !== undefined) throw new Failure('usage', `unknown field "${unknown}"`)
    return step
  }

  #take(name: string): unknown {
    const value = this.#left.get(name)
    this.#left.delete(name)
    return value
  }
}

/** Yields the lines that are not empty, with their numbers. */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<{ line: number; text: string }> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let bytes = 0
  let line = 0
  let rest: string[] = []
  const decode = (chunk: Uint8Array | undefined): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch (error) {
      throw new Failure('usage', `line ${line + 1}: it is not UTF-8`, { cause: error })
    }
  }
  for await (const chunk of input) {
    bytes += chunk.length
    if (bytes > APPLY_BYTES_MAX) {
      throw new Failure('usage', `more than ${APPLY_BYTES_MAX >> 20} MiB of operations`, { hint: 'split them up' })
    }
    const parts = decode(chunk).split('\n')
    const last = parts.pop() ?? ''
    for (const part of parts) {
      line += 1
      const text = [...rest, part].join('')
      rest = []
      if (text.trim() !== '') yield { line, text }
    }
    rest.push(last)
  }
  const text = [...rest, decode(undefined)].join('')
  if (text.trim() !== '') yield { line: line + 1, text }
}
