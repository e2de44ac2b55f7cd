import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, freemem, networkInterfaces, totalmem } from 'node:os'
import { VERSION } from '../contract/version.ts'
import { architecture, COMMIT, runtime } from './build.ts'

/** Names of file systems by the magic number that `statfs` gives. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  2435016766: 'btrfs',
  1481003842: 'xfs',
  801189825: 'zfs',
  26985: 'nfs',
}
/** Variables that say how tsipfs works; others are nobody's business. */
const VARIABLES = ['IPFS_PATH', 'TSIPFS_PATH', 'TSIPFS_RUNTIME', 'GOLOG_LOG_LEVEL'] as const

/** What `diag sys` tells, with Kubo's names. */
export interface SystemInfo {
  readonly diskinfo: { readonly free_space: number; readonly fstype: string; readonly total_space: number }
  readonly environment: Readonly<Record<string, string>>
  readonly ipfs_commit: string
  readonly ipfs_version: string
  readonly memory: { readonly swap: number; readonly virt: number; readonly total: number; readonly free: number }
  readonly net: { readonly interface_addresses: readonly string[]; readonly online: boolean }
  readonly runtime: Readonly<Record<string, string | number>>
}

/** Returns what is known of the machine that a repo lies on, and of the program. */
export async function systemInfo(repoPath: string, options: { online: boolean }): Promise<SystemInfo> {
  const disk = await statfs(repoPath)
  const memory = process.memoryUsage()
  return {
    diskinfo: {
      free_space: disk.bavail * disk.bsize,
      fstype: FILE_SYSTEMS[disk.type] ?? String(disk.type),
      total_space: disk.blocks * disk.bsize,
    },
    environment: Object.fromEntries(VARIABLES.map(name => [name, process.env[name] ?? ''])),
    ipfs_commit: COMMIT,
    ipfs_version: VERSION,
    memory: { swap: 0, virt: memory.rss, total: totalmem(), free: freemem() },
    net: { interface_addresses: interfaceAddresses(), online: options.online },
    runtime: {
      arch: architecture(),
      compiler: process.versions.bun === undefined ? 'v8' : 'jsc',
      numcpu: cpus().length,
      parallelism: availableParallelism(),
      os: process.platform,
      version: runtime(),
      uptime_seconds: Math.round(process.uptime()),
      rss: memory.rss,
      heap_used: memory.heapUsed,
    },
  }
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .map(({ family, address }) => (family === 'IPv4' ? `/ip4/${address}` : `/ip6/${address}`))
}
