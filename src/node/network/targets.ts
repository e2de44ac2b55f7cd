import { resolveTxt } from 'node:dns/promises'
import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { parseAddress, targetOf } from './addresses.ts'

const ADDRESSES_MAX = 100

/**
 * Returns addresses that end in `/p2p/<peer>`, in their order. One that does not is looked up, when it is a
 * `/dnsaddr`, and stands for those that are found there. Throws before anything is dialled.
 */
export async function resolveTargets(addresses: readonly string[], options: Waiting = {}): Promise<string[]> {
  const resolved = await Promise.all(addresses.map(text => resolveTarget(text, options)))
  return resolved.flat()
}

async function resolveTarget(text: string, { signal }: Waiting): Promise<string[]> {
  const address = parseAddress(text)
  if (targetOf(address) !== undefined) return [address.toString()]
  const [first] = address.getComponents()
  const found = first?.name === 'dnsaddr' ? await lookUp(first.value ?? '') : []
  signal?.throwIfAborted()
  const targets = found.filter(target => targetOf(parseAddress(target)) !== undefined)
  if (targets.length > 0) return targets.slice(0, ADDRESSES_MAX)
  throw new Failure('usage', `found no ipfs peers at ${address}`, { hint: 'the address must end in /p2p/<peer id>' })
}

/** https://github.com/multiformats/multiaddr/blob/master/protocols/DNSADDR.md */
async function lookUp(domain: string): Promise<string[]> {
  try {
    const records = await resolveTxt(`_dnsaddr.${domain}`)
    return records.map(parts => parts.join('')).flatMap(text => (/^dnsaddr=(\/.*)$/.exec(text) ?? []).slice(1, 2))
  } catch (error) {
    throw new Failure('network', `_dnsaddr.${domain}: cannot be looked up`, { cause: error })
  }
}
