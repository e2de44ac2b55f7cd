import { defineCommand } from '../../contract/command.ts'
import { argumentList, flag, int, text } from '../../contract/params.ts'

/** The blocks of a DAG and how they are linked. */
export interface DagGraph {
  readonly Nodes: readonly {
    readonly Cid: string
    readonly Codec: string
    /** What a dag-pb block is in UnixFS. */
    readonly Type?: string
    readonly Size?: number
  }[]
  /** By the places of the nodes in the list. */
  readonly Edges: readonly { readonly From: number; readonly To: number; readonly Name: string }[]
  /** True when a limit left out what lies below. */
  readonly Cut: boolean
}

export const dagGraph = defineCommand({
  path: 'dag graph',
  summary: 'Draw the blocks of a DAG and their links',
  description:
    'Prints a drawing of the blocks below the roots: as text for Graphviz (dot), for Mermaid, which GitHub and GitLab ' +
    'show in Markdown, or as an SVG picture, made here without any other program. Each block is drawn once, however ' +
    'many links lead to it. What a limit left out is told on standard error. A path is a CID, /ipfs/…, or mfs:/….',
  examples: [
    { line: 'tsipfs dag graph bafy… | dot -Tpng > dag.png', explains: 'Draw with Graphviz.' },
    { line: 'tsipfs dag graph --as=svg bafy… > dag.svg', explains: 'Make a picture.' },
    { line: 'tsipfs dag graph --as=mermaid --leaves=false bafy…', explains: 'Show the inner blocks in Markdown.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  output: 'value',
  result: {
    Nodes: [{ Cid: 'cid', Codec: 'text', 'Type?': 'text: what a dag-pb block is in UnixFS', 'Size?': 'int: bytes' }],
    Edges: [{ From: 'int: place in Nodes', To: 'int: place in Nodes', Name: 'text' }],
    Cut: 'flag: a limit left out what lies below',
  },
  params: {
    path: argumentList('path', 'The roots', { stdin: true, complete: 'cid' }),
    as: text('The form of the drawing', { values: ['dot', 'mermaid', 'svg'], initial: 'dot', caller: true }),
    maxNodes: int('Draw so many blocks at most', { initial: 500, min: 1 }),
    maxDepth: int('Go so deep below the roots only', { min: 0 }),
    leaves: flag('Draw leaves that are raw blocks', { initial: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolveContentPath }, { formatCid }, { readGraph }, { codecName }] = await Promise.all([
      import('../../node/content-path.ts'),
      import('../../node/cid.ts'),
      import('../../node/dag-graph.ts'),
      import('../../node/multicodec.ts'),
    ])
    const roots = []
    for (const path of input.path) roots.push(await resolveContentPath(node, path, { signal }))
    const { nodes, edges, isCut } = await readGraph(node.blocks, roots, {
      signal,
      nodesMax: input.maxNodes,
      depthMax: input.maxDepth ?? Number.POSITIVE_INFINITY,
      withoutLeaves: !input.leaves,
    })
    yield {
      Nodes: nodes.map(({ cid, unixfs, size }) => ({
        Cid: formatCid(cid, globals),
        Codec: codecName(cid.code) ?? `0x${cid.code.toString(16)}`,
        ...(unixfs === undefined ? {} : { Type: unixfs }),
        ...(size === undefined ? {} : { Size: size }),
      })),
      Edges: edges.map(({ from, to, name }) => ({ From: from, To: to, Name: name })),
      Cut: isCut,
    } as DagGraph
  },
  async render(outputs, { input, out, err }) {
    const { drawDot, drawMermaid, drawSvg } = await import('./_draw-graph.ts')
    const draw = input.as === 'svg' ? drawSvg : input.as === 'mermaid' ? drawMermaid : drawDot
    for await (const graph of outputs) {
      await out.write(draw(graph))
      if (graph.Cut) await err.write('not all is drawn: raise --max-nodes or --max-depth\n')
    }
  },
})
