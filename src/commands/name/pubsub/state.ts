import { defineCommand } from '../../../contract/command.ts'

export const namePubsubState = defineCommand({
  path: 'name pubsub state',
  summary: 'Tell whether IPNS goes over pubsub',
  description: 'Prints "enabled" or "disabled": Ipns.UsePubsub, or "daemon --enable-namesys-pubsub".',
  examples: [{ line: 'tsipfs name pubsub state', explains: 'Prints enabled, or disabled.' }],
  needs: 'network',
  worksWithoutRepo: true,
  experimental: true,
  output: 'value',
  result: { Enabled: 'flag' },
  params: {},
  async *run(_, { node, signal }) {
    // Without a daemon nothing is followed, and nothing is started to say so.
    const isFollowing = node.daemon !== undefined && !node.globals.offline
    yield { Enabled: isFollowing && (await node.network({ signal })).naming.pubsub.enabled }
  },
  async render(outputs, { out }) {
    for await (const { Enabled } of outputs) await out.write(Enabled ? 'enabled\n' : 'disabled\n')
  },
})
