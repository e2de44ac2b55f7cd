import { type Context, defineCommand, type View } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'

export interface Peers {
  readonly Peers: readonly string[] | null
}

/** Prints peers in the order of their addresses, with what was done to them in front. */
export function renderPeers(prefix: string) {
  return async (outputs: AsyncIterable<Peers>, { out }: Pick<View, 'out'>): Promise<void> => {
    for await (const { Peers } of outputs) {
      for (const peer of [...(Peers ?? [])].sort()) await out.write(`${prefix}${peer}\n`)
    }
  }
}

/** Yields what is left of the list when all was taken out: what was in it. */
export async function* removeAll({ node }: Pick<Context, 'node'>): AsyncIterable<Peers> {
  const { clearBootstrap } = await import('../../node/bootstrap-list.ts')
  yield { Peers: await clearBootstrap(node.repo.config) }
}

/** Declares the command that lists bootstrap peers, which has two names. */
export function bootstrapListing(path: string) {
  return defineCommand({
    path,
    summary: 'List the peers that the node begins with',
    description:
      'They are how the daemon finds everybody else: only put peers there that you trust. "auto" stands for those that ' +
      'the program knows.',
    examples: [{ line: `tsipfs ${path} --expand-auto`, explains: 'List the peers that are really asked.' }],
    needs: 'repo',
    output: 'value',
    result: { Peers: ['text'] },
    items: { at: 'Peers', name: 'Peer' },
    params: { expandAuto: flag('Show what "auto" stands for') },
    async *run(input, { node }): AsyncIterable<Peers> {
      const config = await node.repo.config.read()
      const [{ bootstrapPeers }, { bootstrapOf }] = await Promise.all([
        import('../../node/auto-values.ts'),
        import('../../node/bootstrap-list.ts'),
      ])
      yield { Peers: input.expandAuto ? bootstrapPeers(config) : bootstrapOf(config) }
    },
    render: renderPeers(''),
  })
}
