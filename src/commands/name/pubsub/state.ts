import { defineCommand } from '../../../contract/command.ts'

export const namePubsubState = defineCommand({
  path: 'name pubsub state',
  summary: 'Tell whether IPNS goes over pubsub',
  description: 'Prints "enabled" or "disabled": Ipns.UsePubsub, or "daemon --enable-namesys-pubsub".',
  examples: [{ line: 'tsipfs name pubsub state', explains: 'Prints enabled, or disabled.' }],
  needs: 'daemon',
  experimental: true,
  output: 'value',
  params: {},
  async *run(_, { node, signal }) {
    const { naming } = await node.network({ signal })
    yield { Enabled: naming.pubsub.enabled }
  },
  async render(outputs, { out }) {
    for await (const { Enabled } of outputs) await out.write(Enabled ? 'enabled\n' : 'disabled\n')
  },
})
