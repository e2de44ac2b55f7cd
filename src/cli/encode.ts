import type { Command, Output, View } from '../contract/command.ts'

/** Prints results without a command's own text form: bytes as they are, each record as one line of JSON. */
export async function renderJson(
  outputs: AsyncIterable<Output>,
  view: Pick<View, 'out' | 'progress'>,
  progressOf: Command['progressOf'],
): Promise<void> {
  for await (const output of outputs) {
    const progress = progressOf?.(output)
    if (progress !== undefined) {
      view.progress.update(progress)
      continue
    }
    await view.progress.clear()
    await view.out.write(output instanceof Uint8Array ? output : `${JSON.stringify(output)}\n`)
  }
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
