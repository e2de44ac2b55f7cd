import { defineCommand } from '../../../../contract/command.ts'
import { Failure } from '../../../../contract/failure.ts'
import { argument } from '../../../../contract/params.ts'

const NO_POLICIES = { MFS: { Enable: false, PinName: '', RepinInterval: '' } }

export const pinRemoteServiceAdd = defineCommand({
  path: 'pin remote service add',
  summary: 'Add a remote pinning service',
  description:
    'Stores the address and the key of a service in the config, under Pinning.RemoteServices. The key is never shown ' +
    'again. "tsipfs pin remote service ls --stat" tells whether the service accepts it.',
  examples: [
    {
      line: 'tsipfs pin remote service add mysrv https://pin-api.example.com "$KEY"',
      explains: 'Add a service under the name mysrv.',
    },
  ],
  needs: 'repo',
  writes: true,
  output: 'nothing',
  params: {
    service: argument('service', 'A name for the service'),
    endpoint: argument('endpoint', 'Its URL, without /pins'),
    key: argument('key', 'The key that it gave you'),
  },
  async *run(input, { node }) {
    const { normalizeEndpoint, remoteServices } = await import('../../../../node/remote-pins.ts')
    const endpoint = normalizeEndpoint(input.endpoint)
    await node.repo.config.update(config => {
      const services = remoteServices(config)
      if (Object.hasOwn(services, input.service)) {
        throw new Failure('failed', 'service already present', {
          hint: `remove it with: tsipfs pin remote service rm ${input.service}`,
        })
      }
      const added = { API: { Endpoint: endpoint, Key: input.key }, Policies: NO_POLICIES }
      const entries = [...Object.entries(services), [input.service, added]]
      return { ...config, Pinning: { ...pinningOf(config), RemoteServices: Object.fromEntries(entries) } }
    })
  },
})

function pinningOf({ Pinning }: Readonly<Record<string, unknown>>): object {
  return typeof Pinning === 'object' && Pinning !== null ? Pinning : {}
}
