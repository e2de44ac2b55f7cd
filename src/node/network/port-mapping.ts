import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as later } from 'node:timers/promises'
import type { Startable } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { type AddressFilters, unreachableNetworks } from './filters.ts'
import type { Components } from './parts.ts'
import {
  CONFLICT_IN_MAPPING,
  findGateways,
  type Gateway,
  type Mapping,
  ONLY_PERMANENT_LEASES,
  UpnpError,
} from './upnp.ts'

const NAME = 'tsipfs'
/** For how long a port is asked for; it is asked for again at a third of that, lest a router that restarted forgets it. */
const LEASE_MS = 3_600_000
/** Where there is no router it is looked for again, ever more seldom. */
const SEARCH_AGAIN_MS_MIN = 30_000
const SEARCH_AGAIN_MS_MAX = 30 * 60_000
const UNMAP_TIMEOUT_MS = 1_000
/** Ports that are tried when others have taken the one that is listened on. */
const TRIES_MAX = 4
const PORT_MIN = 20_000
const PORT_COUNT = 40_000

export interface PortMappingOptions {
  /** Looks for routers from an address of this host. */
  readonly find?: (from: string, signal: AbortSignal) => AsyncIterable<Gateway>
  /** Returns the IPv4 addresses of this host in its networks. */
  readonly hosts?: () => ReadonlySet<string>
  readonly leaseMs?: number
  readonly log: (text: string) => void
}

/** A mapping that a router has made, and the address outside. */
interface Mapped extends Mapping {
  readonly gateway: Gateway
  readonly externalHost: string
}

/** Where this node listens in a private network. */
interface Inside {
  readonly host: string
  readonly port: number
}

/** Has routers forward the ports that are listened on, for as long as this node runs, and tells libp2p of the addresses. */
export class PortMapping implements Startable {
  readonly #components: Pick<Components, 'addressManager' | 'transportManager'>
  readonly #options: PortMappingOptions
  readonly #unreachable: AddressFilters = unreachableNetworks()
  readonly #stopping = new AbortController()
  /** By the address and port inside. */
  readonly #mapped = new Map<string, Mapped>()
  #working: Promise<void> = Promise.resolve()

  constructor(components: Pick<Components, 'addressManager' | 'transportManager'>, options: PortMappingOptions) {
    this.#components = components
    this.#options = options
  }

  start(): void {
    // Ports are known when all has started.
  }

  afterStart(): void {
    this.#working = this.#work().catch(error => {
      if (!this.#stopping.signal.aborted) this.#options.log(`port mapping: ${String(error)}`)
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#working
    const limit = AbortSignal.timeout(UNMAP_TIMEOUT_MS)
    await Promise.allSettled([...this.#mapped.values()].map(each => each.gateway.unmap(each.externalPort, limit)))
    this.#mapped.clear()
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping
    const leaseMs = this.#options.leaseMs ?? LEASE_MS
    let againMs = SEARCH_AGAIN_MS_MIN
    while (!signal.aborted) {
      for (const inside of this.#insides()) await this.#map(inside)
      const isDone = this.#mapped.size > 0
      await later(isDone ? leaseMs / 3 : againMs, undefined, { signal, ref: false })
      againMs = isDone ? SEARCH_AGAIN_MS_MIN : Math.min(2 * againMs, SEARCH_AGAIN_MS_MAX)
    }
  }

  /** Returns the private IPv4 addresses that are listened on. */
  #insides(): Inside[] {
    const own = (this.#options.hosts ?? hostsHere)()
    return this.#components.transportManager.getAddrs().flatMap(address => {
      const [ip, tcp] = address.getComponents()
      if (ip?.name !== 'ip4' || tcp?.name !== 'tcp' || ip.value === undefined || !own.has(ip.value)) return []
      return this.#unreachable.matches(address) ? [{ host: ip.value, port: Number(tcp.value) }] : []
    })
  }

  /** Has a port forwarded, or forwarded for longer. What fails is logged, and tried again the next time. */
  async #map(inside: Inside): Promise<void> {
    const key = `${inside.host}:${inside.port}`
    const before = this.#mapped.get(key)
    try {
      const after = await this.#mapAnew(inside, before)
      if (
        before !== undefined &&
        before.externalHost === after?.externalHost &&
        before.externalPort === after.externalPort
      ) {
        this.#mapped.set(key, after)
        return
      }
      if (before !== undefined) this.#forget(key, before)
      if (after !== undefined) this.#remember(key, after)
    } catch (error) {
      if (this.#stopping.signal.aborted) throw error
      this.#options.log(`port mapping of ${key}: ${String(error)}`)
    }
  }

  async #mapAnew(inside: Inside, before: Mapped | undefined): Promise<Mapped | undefined> {
    const { signal } = this.#stopping
    if (before !== undefined) {
      const renewed = await this.#mapOn(before.gateway, inside, before.externalPort).catch(() => undefined)
      if (renewed !== undefined) return renewed
    }
    for await (const gateway of (this.#options.find ?? findGateways)(inside.host, signal)) {
      const mapped = await this.#mapOn(gateway, inside, inside.port)
      if (mapped !== undefined) return mapped
    }
    return undefined
  }

  /** Returns undefined where the router is itself behind another one: nobody would come through. */
  async #mapOn(gateway: Gateway, { host, port }: Inside, wanted: number): Promise<Mapped | undefined> {
    const { signal } = this.#stopping
    const externalHost = await gateway.externalAddress(signal)
    if (!isIPv4(externalHost) || this.#unreachable.matches(multiaddr(`/ip4/${externalHost}`))) return undefined
    let seconds = Math.ceil((this.#options.leaseMs ?? LEASE_MS) / 1_000)
    for (let tries = 1, externalPort = wanted; ; tries++) {
      try {
        await gateway.map({ externalPort, host, port }, NAME, seconds, signal)
        return { gateway, externalHost, externalPort, host, port }
      } catch (error) {
        if (!(error instanceof UpnpError) || tries === TRIES_MAX) throw error
        if (error.code === ONLY_PERMANENT_LEASES && seconds > 0) seconds = 0
        else if (error.code === CONFLICT_IN_MAPPING) externalPort = PORT_MIN + Math.floor(Math.random() * PORT_COUNT)
        else throw error
      }
    }
  }

  #remember(key: string, mapped: Mapped): void {
    const { host, port, externalHost, externalPort } = mapped
    this.#mapped.set(key, mapped)
    const { addressManager } = this.#components
    addressManager.addPublicAddressMapping(host, port, externalHost, externalPort, 'tcp')
    // The router itself says so.
    addressManager.confirmObservedAddr(multiaddr(`/ip4/${externalHost}/tcp/${externalPort}`))
    this.#options.log(`${key} is reached at ${externalHost}:${externalPort}`)
  }

  #forget(key: string, { host, port, externalHost, externalPort }: Mapped): void {
    this.#mapped.delete(key)
    this.#components.addressManager.removePublicAddressMapping(host, port, externalHost, externalPort, 'tcp')
  }
}

function hostsHere(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return new Set(all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address))
}
