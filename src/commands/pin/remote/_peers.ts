import type { Context } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'

const ORIGINS_MAX = 20

/** What the daemon on this repo can do for a service that is to fetch from here. */
export interface Peers {
  /** Addresses of this node, each with its peer id. */
  readonly origins: readonly string[]
  /** Opens connections; to fail is no failure. */
  connect(addresses: readonly string[]): Promise<void>
}

/** Returns the daemon's part, when this runs in one or beside one; undefined when nobody serves what is here. */
export async function daemonPeers(context: Context): Promise<Peers | undefined> {
  const { node, repoPath, globals, signal } = context
  if (globals.offline) return undefined
  if (node.daemon !== undefined) return await ownPeers(context)
  const [{ daemonAddress }, { remoteExecutor }, { id }, { swarmConnect }] = await Promise.all([
    import('../../../rpc/daemon-address.ts'),
    import('../../../rpc/client.ts'),
    import('../../id.ts'),
    import('../../swarm/connect.ts'),
  ])
  const address = await daemonAddress(repoPath)
  if (address === undefined) return undefined
  const executor = remoteExecutor({ address })
  const call = { globals: { ...globals, set: [] }, signal, source: nothing() }
  const origins: string[] = []
  try {
    const input = { peerid: undefined, format: undefined, peeridBase: 'b58mh' }
    for await (const { Addresses } of executor.execute(id, { ...call, input })) origins.push(...(Addresses ?? []))
  } catch (error) {
    // A daemon without a network serves nobody.
    if (error instanceof Failure && error.kind !== 'interrupted') return undefined
    throw error
  }
  return {
    origins: origins.slice(0, ORIGINS_MAX),
    async connect(addresses) {
      for (const one of addresses) {
        await ignoringFailures(async () => {
          for await (const _ of executor.execute(swarmConnect, { ...call, input: { address: [one] } })) {
            // It says that it is connected.
          }
        })
      }
    },
  }
}

async function ownPeers({ node, signal }: Context): Promise<Peers | undefined> {
  if (node.globals.offline) return undefined
  const network = await node.network({ signal })
  const origins = network.swarm.addresses().map(address => `${address}/p2p/${network.peerId}`)
  return {
    origins: origins.slice(0, ORIGINS_MAX),
    async connect(addresses) {
      for (const one of addresses) await ignoringFailures(() => network.swarm.connect(one, { signal }))
    },
  }
}

async function ignoringFailures(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    // The service finds us, or other providers, by itself.
    if (!(error instanceof Failure) || error.kind === 'interrupted') throw error
  }
}

async function* nothing(): AsyncGenerator<never> {
  // These calls send nothing along.
}
