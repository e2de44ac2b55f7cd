import type { Output, View } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'

/** Prints results without a command's own text form: bytes as they are, each record as one line of JSON. */
export async function renderJson(outputs: AsyncIterable<Output>, view: Pick<View, 'out' | 'progress'>): Promise<void> {
  for await (const output of outputs) {
    await view.progress.clear()
    await view.out.write(output instanceof Uint8Array ? output : `${JSON.stringify(output)}\n`)
  }
}

/** Prints each record as a line of text in which `{Field}` and `{Field.Sub}` stand for its values. */
export async function renderTemplate(
  outputs: AsyncIterable<Output>,
  template: string,
  end: string,
  view: Pick<View, 'out' | 'progress'>,
): Promise<void> {
  const text = template.replaceAll('\\n', '\n').replaceAll('\\t', '\t')
  for await (const output of outputs) {
    if (output instanceof Uint8Array) throw new Failure('usage', '--template: this command prints bytes, not records')
    await view.progress.clear()
    const line = text.replace(/\{([\w./-]+)\}/g, (_, path: string) => fieldText(output, path))
    await view.out.write(`${line}${end}`)
  }
}

function fieldText(record: unknown, path: string): string {
  let value: unknown = record
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      throw new Failure('usage', `--template: the result has no field "${path}"`, {
        hint: `it has ${Object.keys(record as object).join(', ')}`,
      })
    }
    value = (value as Record<string, unknown>)[key]
  }
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}

/** Prints records as XML in the form of Go's encoding/xml, for the few who still ask for it. */
export async function renderXml(
  outputs: AsyncIterable<Output>,
  name: string,
  view: Pick<View, 'out' | 'progress'>,
): Promise<void> {
  for await (const output of outputs) {
    await view.progress.clear()
    await view.out.write(output instanceof Uint8Array ? output : `${xmlElement(name, output)}`)
  }
}

function xmlElement(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map(item => xmlElement(name, item)).join('')
  if (value === null || value === undefined) return ''
  const inner =
    typeof value === 'object'
      ? Object.entries(value)
          .map(([key, item]) => xmlElement(key, item))
          .join('')
      : String(value).replace(/[<>&"']/g, character => `&#${character.charCodeAt(0)};`)
  return `<${name}>${inner}</${name}>`
}
