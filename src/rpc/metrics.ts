import { readdir } from 'node:fs/promises'
import { VERSION } from '../contract/version.ts'
import type { Network } from '../node/network/network.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** One measurement; where Kubo has the same one it has the same name. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** Values by their labels, written as they are sent; the empty text for none. */
  readonly values: readonly (readonly [labels: string, value: number])[]
}

/** Returns how a daemon does, in the text format of Prometheus. `network` is undefined for a daemon that is offline. */
export async function metricsText(commit: string, network: Network | undefined): Promise<string> {
  const metrics = [...(await processMetrics()), ...nodeMetrics(commit), ...(network ? networkMetrics(network) : [])]
  return metrics.map(formatMetric).join('')
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
function formatMetric({ name, help, type, values }: Metric): string {
  const lines = values.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

async function processMetrics(): Promise<Metric[]> {
  const { user, system } = process.cpuUsage()
  const seconds = (user + system) / 1e6
  const started = Date.now() / 1000 - process.uptime()
  // There is no such folder but on Linux.
  const files = await readdir('/proc/self/fd').catch(() => undefined)
  return [
    counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', seconds),
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', started),
    ...(files === undefined ? [] : [gauge('process_open_fds', 'Number of open file descriptors.', files.length)]),
  ]
}

function nodeMetrics(commit: string): Metric[] {
  const labels = `commit="${commit}",version="${VERSION}"`
  return [{ name: 'ipfs_info', help: 'IPFS version information.', type: 'gauge', values: [[labels, 1]] }]
}

function networkMetrics(network: Network): Metric[] {
  const { blocksReceived, blocksSent, dataReceived, dataSent, wantlist } = network.bitswap.stat()
  const { totalIn, totalOut } = network.bandwidth()
  return [
    { name: 'ipfs_p2p_peers_total', help: 'Number of connected peers.', type: 'gauge', values: peers(network) },
    gauge('ipfs_bitswap_wantlist_total', 'Number of items in wantlist.', wantlist.length),
    counter('ipfs_bitswap_recv_all_blocks_bytes_count', 'Number of blocks received.', blocksReceived),
    counter('ipfs_bitswap_recv_all_blocks_bytes_sum', 'Bytes of blocks received.', dataReceived),
    counter('ipfs_bitswap_sent_all_blocks_bytes_count', 'Number of blocks sent.', blocksSent),
    counter('ipfs_bitswap_sent_all_blocks_bytes_sum', 'Bytes of blocks sent.', dataSent),
    counter('ipfs_network_receive_bytes_total', 'Bytes that peers have sent.', totalIn),
    counter('ipfs_network_transmit_bytes_total', 'Bytes that were sent to peers.', totalOut),
  ]
}

/** Counts connections by the protocols of their addresses: `/ip4/tcp`. */
function peers({ swarm }: Network): Metric['values'] {
  const counts = new Map<string, number>()
  for (const { address } of swarm.connections()) {
    const protocols = address.split('/').filter((_, at) => at % 2 === 1)
    const labels = `transport="/${protocols.join('/')}"`
    counts.set(labels, (counts.get(labels) ?? 0) + 1)
  }
  return [...counts]
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', values: [['', value]] }
}

function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', values: [['', value]] }
}
