import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'

interface Change {
  readonly Type: number
  readonly Path: string
  readonly Before: { readonly '/': string } | null
  readonly After: { readonly '/': string } | null
}

export const objectDiff = defineCommand({
  path: 'object diff',
  summary: 'Show what differs between two objects',
  description: 'Compares the links of dag-pb nodes, and what is below them where both have a link of the same name.',
  examples: [{ line: 'tsipfs object diff -v bafy… bafy…', explains: 'Compare two folders, in words.' }],
  needs: 'repo',
  output: 'value',
  result: {
    Changes: [
      { Type: 'int: 0 added, 1 removed, 2 changed', Path: 'text', Before: maybe('link'), After: maybe('link') },
    ],
  },
  deprecated: true,
  items: { at: 'Changes' },
  params: {
    objA: argument('obj_a', 'The object before', { complete: 'cid' }),
    objB: argument('obj_b', 'The object after', { complete: 'cid' }),
    verbose: flag('Print sentences', { short: 'v', caller: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ diffObjects }, { resolvePath }, { formatCid }] = await Promise.all([
      import('../../node/objects.ts'),
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
    ])
    const before = await resolvePath(node, input.objA, { signal })
    const after = await resolvePath(node, input.objB, { signal })
    const link = (cid: typeof before.cid | undefined): Change['Before'] =>
      cid === undefined ? null : { '/': formatCid(cid, globals) }
    const Changes: Change[] = []
    for await (const { Type, Path, Before, After } of diffObjects(node.blocks, before.cid, after.cid, { signal })) {
      Changes.push({ Type, Path, Before: link(Before), After: link(After) })
    }
    yield { Changes }
  },
  async render(outputs, { input, out }) {
    const { quoted } = await import('./_quote.ts')
    for await (const { Changes } of outputs) {
      for (const { Type, Path, Before, After } of Changes) {
        const [name, before, after] = [quoted(Path), Before?.['/'], After?.['/']]
        const sentences = [
          `Added new link ${name} pointing to ${after}.`,
          `Removed link ${name} (was ${before}).`,
          `Changed ${name} from ${before} to ${after}.`,
        ]
        const lines = [`+ ${after} ${name}`, `- ${before} ${name}`, `~ ${before} ${after} ${name}`]
        await out.write(`${(input.verbose ? sentences : lines)[Type] ?? ''}\n`)
      }
    }
  },
})
