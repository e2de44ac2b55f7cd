import type { Libp2p } from '@libp2p/interface'
import type { ServiceFactoryMap } from 'libp2p'
import type { CID } from 'multiformats/cid'
import type { Config } from '../../repo/roles.ts'
import type { LogLevel } from '../daemon-log.ts'
import type { Node } from '../node.ts'
import type { LeftPeers } from './left-peers.ts'

/** What is known before libp2p is made: with it a part says which services of libp2p it needs. */
export interface PartBase {
  readonly node: Pick<Node, 'repo' | 'globals' | 'daemon'>
  /** The config as it counts for this run. */
  readonly config: Config
  /** `repo`: the daemon. `ephemeral`: a client that is gone soon, and listens nowhere unless it `serves`. */
  readonly identity: 'repo' | 'ephemeral'
  /** Says which blocks an ephemeral node gives to others; undefined: it listens nowhere, and gives none. */
  readonly serves?: ((cid: CID) => boolean) | undefined
  readonly left: LeftPeers
  /** Aborts when the network is to end, before it is closed. */
  readonly signal: AbortSignal
  /** Does work that the node need not wait for when it starts: once it is ready, or at once when it is. */
  later(work: () => void): void
  /** Writes a line to the log of the daemon. */
  log(logger: string, level: LogLevel, text: string): void
}

/** What the parts of a network work with. */
export interface PartContext extends PartBase {
  /** Has been started. */
  readonly libp2p: Libp2p
  /** What libp2p is made of, for what its interface does not show. */
  readonly components: Components
}

/** The inside of libp2p, as its services are given it. */
export type Components = Parameters<ServiceFactoryMap[string]>[0]

/** Services of libp2p by name. A part keeps hold of its own by wrapping the factory. */
export type Services = ServiceFactoryMap

/** A part may hold things that are to be closed; they are, in reverse order, before libp2p stops. */
export type Part<T> = T & Partial<AsyncDisposable>

/** Returns the same thing with some of its members replaced; the thing itself stays as it is. */
export function withPart<T extends object>(thing: T, members: Partial<T>): T {
  return new Proxy(thing, {
    get(target, property) {
      if (Object.hasOwn(members, property)) return Reflect.get(members, property)
      const value: unknown = Reflect.get(target, property, target)
      // Methods may use private fields, which a proxy does not have.
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
  })
}
