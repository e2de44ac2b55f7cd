import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Daemon } from '../node/daemon.ts'
import type { Node } from '../node/node.ts'
import { addressList, reachable } from './daemon-server.ts'
import { type Listening, listenAt } from './listen.ts'

/** What the gateway of a daemon stands on. */
export interface DaemonGatewayOptions {
  readonly node: Node
  readonly daemon: Daemon
  /** Ends every answer. */
  readonly signal: AbortSignal
}

/** The doors of a gateway, open; none where none is configured. */
export interface DaemonGateway {
  /** Where it answers, as multiaddrs. */
  readonly addresses: readonly string[]
  /** Closes the doors and removes the file that named them. */
  close(): Promise<void>
}

/** Opens the gateway at each address of `Addresses.Gateway`. The repo's `gateway` file holds the first as a URL. */
export async function openGateway({ node, daemon, signal }: DaemonGatewayOptions): Promise<DaemonGateway> {
  const file = join(node.repo.path, 'gateway')
  const config = await node.repo.config.read()
  const wanted = addressList(config, 'Gateway')
  const open: Listening[] = []
  const close = async (): Promise<void> => {
    await rm(file, { force: true })
    await Promise.all(open.map(one => one.close()))
  }
  await rm(file, { force: true })
  if (wanted.length === 0) return { addresses: [], close }
  const [{ serveGateway }, { gatewayConfig }, { routingApi }] = await Promise.all([
    import('../gateway/gateway.ts'),
    import('../gateway/config.ts'),
    import('../gateway/routing-api.ts'),
  ])
  const bug = (error: unknown): void =>
    daemon.log.write('gateway', 'error', error instanceof Error ? (error.stack ?? error.message) : String(error))
  try {
    const other = gatewayConfig(config).exposesRouting ? routingApi(node) : undefined
    const listener = serveGateway({ node, config, signal, bug, other })
    for (const address of wanted) open.push(await listenAt(address, () => listener))
    const addresses = open.map(({ address }) => address)
    const { writeWhole } = await import('../repo/replace-file.ts')
    await writeWhole(file, urlOf(reachable(addresses[0] ?? '')))
    return { addresses, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Returns the URL of a multiaddr, as the `gateway` file holds it. */
function urlOf(address: string): string {
  const [, protocol, host = '', , port] = address.split('/')
  if (protocol === 'unix') return `http://${address.slice('/unix'.length)}`
  return `http://${protocol === 'ip6' ? `[${host}]` : host}:${port}`
}
