import { escapeName } from '../_escape.ts'
import type { DagGraph } from './graph.ts'

const CID_SHOWN = 8

/** Returns a graph in the language of Graphviz. */
export function drawDot({ Nodes, Edges }: DagGraph): string {
  const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
  const lines = ['digraph dag {', '  node [shape=box, fontname=monospace];']
  for (const [at, node] of Nodes.entries()) {
    const label = quote(labelOf(node).join('\n')).replaceAll('\n', '\\n')
    lines.push(`  n${at} [label=${label}, tooltip=${quote(node.Cid)}];`)
  }
  for (const { From, To, Name } of Edges) {
    lines.push(`  n${From} -> n${To}${Name === '' ? '' : ` [label=${quote(escapeName(Name))}]`};`)
  }
  return `${[...lines, '}'].join('\n')}\n`
}

/** Returns a graph in the language of Mermaid. */
export function drawMermaid({ Nodes, Edges }: DagGraph): string {
  const quote = (text: string): string =>
    `"${text.replace(/[#"<>`&]/g, character => `#${character.charCodeAt(0)};`).replaceAll('\n', '<br>')}"`
  const lines = ['flowchart TD']
  for (const [at, node] of Nodes.entries()) lines.push(`  n${at}[${quote(labelOf(node).join('\n'))}]`)
  for (const { From, To, Name } of Edges) {
    lines.push(`  n${From} -->${Name === '' ? '' : `|${quote(escapeName(Name))}|`} n${To}`)
  }
  return `${lines.join('\n')}\n`
}

const BOX = { width: 150, height: 44, gapX: 24, gapY: 80, margin: 20 }

/** Returns a graph as an SVG picture: blocks in layers, each below all that link to it. */
export function drawSvg(graph: DagGraph): string {
  const { Nodes, Edges } = graph
  const layers = arrange(graph)
  const columns = Math.max(1, ...layers.map(layer => layer.length))
  const width = columns * (BOX.width + BOX.gapX) - BOX.gapX + 2 * BOX.margin
  const height = layers.length * (BOX.height + BOX.gapY) - BOX.gapY + 2 * BOX.margin
  const places = new Map<number, { x: number; y: number }>()
  for (const [row, layer] of layers.entries()) {
    const rowWidth = layer.length * (BOX.width + BOX.gapX) - BOX.gapX
    for (const [column, at] of layer.entries()) {
      const x = (width - rowWidth) / 2 + column * (BOX.width + BOX.gapX)
      places.set(at, { x, y: BOX.margin + row * (BOX.height + BOX.gapY) })
    }
  }
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...Edges.map(edge => edgeSvg(edge, places)),
    ...Nodes.map((node, at) => nodeSvg(node, places.get(at) ?? { x: 0, y: 0 })),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

/**
 * Returns the nodes in layers, each below all that link to it, those of a layer in the order of the middle of their
 * parents, which keeps most lines from crossing.
 */
function arrange({ Nodes, Edges }: DagGraph): number[][] {
  const layerOf = new Array<number>(Nodes.length).fill(0)
  const waiting = new Array<number>(Nodes.length).fill(0)
  const below: number[][] = Nodes.map(() => [])
  const above: number[][] = Nodes.map(() => [])
  for (const { From, To } of Edges) {
    below[From]?.push(To)
    above[To]?.push(From)
    waiting[To] = (waiting[To] ?? 0) + 1
  }
  const ready = [...waiting.keys()].filter(at => waiting[at] === 0)
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    for (const child of below[at] ?? []) {
      layerOf[child] = Math.max(layerOf[child] ?? 0, (layerOf[at] ?? 0) + 1)
      waiting[child] = (waiting[child] ?? 1) - 1
      if (waiting[child] === 0) ready.push(child)
    }
  }
  const layers: number[][] = []
  for (const [at, layer] of layerOf.entries()) {
    layers[layer] ??= []
    layers[layer]?.push(at)
  }
  const middle = new Map<number, number>()
  for (const layer of layers) {
    const of = (at: number): number => {
      const parents = (above[at] ?? []).map(parent => middle.get(parent) ?? 0)
      return parents.length === 0 ? 0 : parents.reduce((sum, one) => sum + one, 0) / parents.length
    }
    const weights = new Map(layer.map(at => [at, of(at)]))
    layer.sort((one, other) => (weights.get(one) ?? 0) - (weights.get(other) ?? 0) || one - other)
    for (const [column, at] of layer.entries()) middle.set(at, (column + 0.5) / layer.length)
  }
  return layers
}

type Places = ReadonlyMap<number, { readonly x: number; readonly y: number }>

function edgeSvg({ From, To, Name }: DagGraph['Edges'][number], places: Places): string {
  const [from, to] = [places.get(From), places.get(To)]
  if (from === undefined || to === undefined) return ''
  const [x1, y1, x2, y2] = [from.x + BOX.width / 2, from.y + BOX.height, to.x + BOX.width / 2, to.y]
  const bend = (y1 + y2) / 2
  const path = `<path d="M${x1} ${y1}C${x1} ${bend} ${x2} ${bend} ${x2} ${y2}" fill="none" stroke="#888"/>`
  if (Name === '') return path
  // Near the lower end: there the lines of one parent have parted.
  return `${path}<text x="${x2}" y="${y2 - 6}" text-anchor="middle" fill="#555">${xml(short(escapeName(Name), 20))}</text>`
}

const FILLS: Readonly<Record<string, string>> = {
  directory: '#dbeafe',
  'hamt-sharded-directory': '#bfdbfe',
  file: '#dcfce7',
  symlink: '#fef3c7',
}

function nodeSvg(node: DagGraph['Nodes'][number], { x, y }: { readonly x: number; readonly y: number }): string {
  const fill = FILLS[node.Type ?? ''] ?? '#f3f4f6'
  const text = labelOf(node)
    .map((line, at) => `<text x="${x + 8}" y="${y + 18 + 17 * at}">${xml(line)}</text>`)
    .join('')
  const box = `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4" fill="${fill}" stroke="#444"/>`
  return `<g><title>${xml(node.Cid)}</title>${box}${text}</g>`
}

function labelOf({ Cid, Codec, Type, Size }: DagGraph['Nodes'][number]): [string, string] {
  const kind = Type === 'hamt-sharded-directory' ? 'shard' : (Type ?? Codec)
  const cid = Cid.length > 2 * CID_SHOWN ? `${Cid.slice(0, CID_SHOWN)}…${Cid.slice(-CID_SHOWN)}` : Cid
  return [cid, Size === undefined ? kind : `${kind}, ${Size} B`]
}

function short(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text
}

function xml(text: string): string {
  return text.toWellFormed().replace(/[<>&"']/g, character => `&#${character.charCodeAt(0)};`)
}
