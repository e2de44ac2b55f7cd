import { multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../contract/failure.ts'
import { AUTO } from '../repo/config-defaults.ts'
import { isObject } from '../repo/config-values.ts'
import type { Config, ConfigStore } from '../repo/roles.ts'
import { parsePeerId } from './peer-id.ts'

const AUTO_DISABLED =
  'cannot add default bootstrap peers: AutoConf is disabled (AutoConf.Enabled=false). Enable AutoConf by setting AutoConf.Enabled=true in your config, or add specific peer addresses instead'
const AUTO_MANAGED =
  "cannot remove individual bootstrap peers when using 'auto' placeholder: the 'auto' value is managed by AutoConf. Either disable AutoConf by setting AutoConf.Enabled=false and replace 'auto' with specific peer addresses, or use 'tsipfs bootstrap rm --all' to remove all peers"

/** Returns the list of peers to begin with, as a config holds it. */
export function bootstrapOf(config: Config): string[] {
  return Array.isArray(config.Bootstrap) ? config.Bootstrap.map(String) : []
}

/** Puts peers at the beginning of the list, and returns those that were named. `default` and `auto` are the program's own. */
export async function addBootstrap(store: ConfigStore, peers: readonly string[]): Promise<string[]> {
  if (peers.length === 0) throw new Failure('usage', 'no bootstrap peers to add')
  const added = [...new Set(peers.map(peer => (peer === 'default' ? AUTO : peer)))]
  for (const peer of added) if (peer !== AUTO) checkAddress(peer)
  await store.update(config => {
    if (added.includes(AUTO) && !isAutomatic(config)) throw new Failure('failed', AUTO_DISABLED)
    return { ...config, Bootstrap: [...new Set([...added, ...bootstrapOf(config)])] }
  })
  return added
}

/** Takes peers from the list, by address or, as `/p2p/…`, all addresses of one. Returns what was taken. */
export async function removeBootstrap(store: ConfigStore, peers: readonly string[]): Promise<string[]> {
  const targets = peers.map(peer => parseAddress(peer))
  let removed: string[] = []
  await store.update(config => {
    const present = bootstrapOf(config)
    if (present.includes(AUTO) && isAutomatic(config)) throw new Failure('failed', AUTO_MANAGED)
    removed = present.filter(entry => entry !== AUTO && targets.some(target => isMeant(target, parseAddress(entry))))
    return { ...config, Bootstrap: present.filter(entry => !removed.includes(entry)) }
  })
  return removed.map(entry => multiaddr(entry).toString())
}

/** Empties the list, and returns what was in it. */
export async function clearBootstrap(store: ConfigStore): Promise<string[]> {
  let removed: string[] = []
  await store.update(config => {
    removed = bootstrapOf(config)
    return { ...config, Bootstrap: [] }
  })
  return removed
}

interface Address {
  readonly peer: string
  /** The whole address; undefined when it is a peer only. */
  readonly text: string | undefined
}

function isMeant(target: Address, entry: Address): boolean {
  return target.peer === entry.peer && (target.text === undefined || target.text === entry.text)
}

function parseAddress(text: string): Address {
  const components = componentsOf(text)
  const last = components.at(-1)
  if (last?.name !== 'p2p' || last.value === undefined) {
    throw new Failure('usage', `invalid bootstrap address: ${text}`, { hint: 'it ends in /p2p/ and a peer id' })
  }
  parsePeerId(last.value)
  return { peer: last.value, text: components.length === 1 ? undefined : multiaddr(text).toString() }
}

function checkAddress(text: string): void {
  if (parseAddress(text).text === undefined) {
    throw new Failure('usage', `bootstrap address without a transport: ${text}`)
  }
}

function componentsOf(text: string): readonly { readonly name: string; readonly value?: string }[] {
  try {
    return multiaddr(text).getComponents()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('usage', `failed to parse multiaddr ${JSON.stringify(text)}: ${reason}`, { cause: error })
  }
}

function isAutomatic({ AutoConf: section }: Config): boolean {
  return !isObject(section) || section.Enabled !== false
}
