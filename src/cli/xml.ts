import type { Output, View } from '../contract/command.ts'

/** The names that Kubo's types have, which are those of the elements; all others are `Output`. */
const XML_NAMES: Readonly<Record<string, string>> = {
  'block put': 'BlockStat',
  'block stat': 'BlockStat',
  'bootstrap list': 'BootstrapOutput',
  'cid bases': 'CodeAndName',
  'cid codecs': 'CodeAndName',
  'cid hashes': 'CodeAndName',
  'cid inspect': 'CidInspectRes',
  commands: 'Command',
  'dag import': 'CarImportOutput',
  'dag put': 'OutputObject',
  'dag resolve': 'ResolveOutput',
  'dag stat': 'DagStatSummary',
  'files flush': 'flushRes',
  'files ls': 'filesLsOutput',
  'files stat': 'statOutput',
  id: 'IdOutput',
  'key list': 'KeyOutputList',
  'multibase list': 'CodeAndName',
  refs: 'RefWrapper',
  'refs local': 'RefWrapper',
  'repo gc': 'GcResult',
  'repo stat': 'Stat',
  resolve: 'ResolvedPath',
  'stats repo': 'Stat',
  version: 'VersionInfo',
}

/** As Go writes them. */
const ESCAPES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&#34;',
  "'": '&#39;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}

/** Prints records as XML in the form of Go's encoding/xml, for the few who still ask for it. */
export async function renderXml(
  outputs: AsyncIterable<Output>,
  path: string,
  view: Pick<View, 'out' | 'progress'>,
): Promise<void> {
  const name = Object.hasOwn(XML_NAMES, path) ? XML_NAMES[path] : undefined
  for await (const output of outputs) {
    await view.progress.clear()
    await view.out.write(output instanceof Uint8Array ? output : xmlElement(name ?? 'Output', output))
  }
}

function xmlElement(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map(item => xmlElement(name, item)).join('')
  if (value === null || value === undefined) return ''
  if (isLink(value)) return xmlElement(name, value['/'])
  const inner =
    typeof value === 'object'
      ? Object.entries(value)
          .map(([key, item]) => xmlElement(key, item))
          .join('')
      : String(value).replace(/[<>&"'\t\n\r]/g, character => ESCAPES[character] ?? '')
  return `<${name}>${inner}</${name}>`
}

/** In JSON a link is an object, in XML its text. */
function isLink(value: unknown): value is { readonly '/': string } {
  return typeof value === 'object' && value !== null && '/' in value && typeof value['/'] === 'string'
}
