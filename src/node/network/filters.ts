import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../../contract/failure.ts'
import { UNREACHABLE_NETWORKS } from '../../repo/unreachable-networks.ts'

interface Mask {
  readonly text: string
  readonly network: Uint8Array
  readonly bits: number
}

const MASK = /^\/(ip4|ip6)\/([^/]+)\/ipcidr\/(\d{1,3})$/

/** Networks whose addresses are refused, as masks like `/ip4/10.0.0.0/ipcidr/8`. */
export class AddressFilters {
  #masks: Mask[]

  /** Throws a `usage` Failure for what is no mask. */
  constructor(masks: readonly string[]) {
    this.#masks = masks.map(parseMask)
  }

  list(): string[] {
    return this.#masks.map(mask => mask.text)
  }

  add(text: string): void {
    const mask = parseMask(text)
    if (!this.#masks.some(other => other.text === mask.text)) this.#masks.push(mask)
  }

  remove(text: string): void {
    const mask = parseMask(text)
    this.#masks = this.#masks.filter(other => other.text !== mask.text)
  }

  /** Returns true when the address begins with an IP address in one of the networks. */
  matches(address: Multiaddr): boolean {
    if (this.#masks.length === 0) return false
    const ip = ipOf(address)
    return ip !== undefined && this.#masks.some(mask => contains(mask, ip))
  }
}

/** Returns true for a text that is a mask. */
export function isMask(text: string): boolean {
  return MASK.test(text)
}

/** Returns the 4 or 16 bytes of the IP address that an address begins with; undefined when it does not. */
export function ipOf(address: Multiaddr): Uint8Array | undefined {
  const ip = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  return ip?.value === undefined ? undefined : ipBytes(ip.name, ip.value)
}

function ipBytes(name: string, value: string): Uint8Array {
  // The code of both protocols is one byte long.
  return multiaddr(`/${name}/${value}`).bytes.subarray(1)
}

function parseMask(text: string): Mask {
  const [, name, ip, digits] = MASK.exec(text) ?? []
  const bits = Number(digits)
  try {
    if (name === undefined || ip === undefined) throw new Error('not a mask')
    const network = ipBytes(name, ip)
    if (bits > network.length * 8) throw new Error('too many bits')
    return { text: `/${name}/${ip}/ipcidr/${bits}`, network, bits }
  } catch (error) {
    throw new Failure('usage', `invalid multiaddr-filter format: ${text}`, {
      hint: 'write it like /ip4/192.168.0.0/ipcidr/16',
      cause: error,
    })
  }
}

function contains({ network, bits }: Mask, ip: Uint8Array): boolean {
  if (ip.length !== network.length) return false
  const whole = bits >> 3
  for (let at = 0; at < whole; at++) if (ip[at] !== network[at]) return false
  const rest = bits & 7
  return rest === 0 || ((ip[whole] ?? 0) ^ (network[whole] ?? 0)) >> (8 - rest) === 0
}

/** Returns the networks that the internet does not reach. */
export function unreachableNetworks(): AddressFilters {
  return new AddressFilters(UNREACHABLE_NETWORKS)
}
