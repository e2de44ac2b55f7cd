import { defineCommand } from '../../../../contract/command.ts'
import { argument } from '../../../../contract/params.ts'

export const pinRemoteServiceRm = defineCommand({
  path: 'pin remote service rm',
  summary: 'Remove a remote pinning service',
  description: 'Forgets the address and the key of a service. What it has pinned stays pinned.',
  examples: [{ line: 'tsipfs pin remote service rm mysrv', explains: 'Forget a service.' }],
  needs: 'repo',
  writes: true,
  output: 'nothing',
  params: { service: argument('service', 'The name of the service') },
  async *run(input, { node }) {
    const { remoteServices } = await import('../../../../node/remote-pins.ts')
    await node.repo.config.update(config => {
      const services = remoteServices(config)
      if (!Object.hasOwn(services, input.service)) return config
      const left = Object.entries(services).filter(([name]) => name !== input.service)
      const pinning = typeof config.Pinning === 'object' && config.Pinning !== null ? config.Pinning : {}
      return { ...config, Pinning: { ...pinning, RemoteServices: Object.fromEntries(left) } }
    })
  },
})
