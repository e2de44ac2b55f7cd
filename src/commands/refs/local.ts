import { type Context, defineCommand } from '../../contract/command.ts'
import type { Sink } from '../../contract/io.ts'

interface Ref {
  readonly Ref: string
  readonly Err: string
}

/** Yields every block of the repo, as `refs local` and `repo ls` do. */
export async function* localRefs({ node, globals, signal }: Context): AsyncIterable<Ref> {
  const { formatCid } = await import('../../node/cid.ts')
  for await (const { cid } of node.repo.blocks.list({ signal })) yield { Ref: formatCid(cid, globals), Err: '' }
}

/** Prints references, many at a time. */
export async function renderRefs(
  outputs: AsyncIterable<Ref>,
  { out, lineEnd = '\n' }: { readonly out: Sink; readonly lineEnd?: string | undefined },
): Promise<void> {
  const LINES_BYTES = 16 * 1024
  let lines = ''
  for await (const { Ref } of outputs) {
    lines += Ref + lineEnd
    if (lines.length < LINES_BYTES) continue
    await out.write(lines)
    lines = ''
  }
  if (lines !== '') await out.write(lines)
}

export const refsLocal = defineCommand({
  path: 'refs local',
  summary: 'List all blocks of the repo',
  description:
    'Lists every block of the repo, pinned or not, in no order that means something. A block is known by its hash ' +
    'alone, so all are shown as raw.',
  examples: [{ line: 'tsipfs refs local | wc -l', explains: 'Count the blocks.' }],
  needs: 'repo',
  result: { Ref: 'cid', Err: 'text' },
  params: {},
  run: (_input, context) => localRefs(context),
  render: renderRefs,
})
