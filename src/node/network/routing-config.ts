import { Failure } from '../../contract/failure.ts'
import { isObject } from '../../repo/config-values.ts'
import type { Config } from '../../repo/roles.ts'
import { delegatedPublishers, delegatedRouters } from '../auto-values.ts'
import type { DhtMode, DhtName } from './dht.ts'
import { flagAt, textAt, textsAt, valueAt } from './settings.ts'

/** What may be asked of routers, by the names that `Routing.Methods` has for it. */
const METHODS = ['provide', 'find-providers', 'find-peers', 'get-ipns', 'put-ipns'] as const
export type Method = (typeof METHODS)[number]

/** How routing is done, as the config says. */
export interface RoutingSetup {
  /** The DHTs that run, and how; none for `none` and `delegated`. */
  readonly dhts: Readonly<Partial<Record<DhtName, DhtMode>>>
  readonly loopback: boolean
  /** Whether a DHT is asked, for each method. */
  readonly dhtMethods: ReadonlySet<Method>
  /** URLs of HTTP routers, for each method. */
  readonly urls: Readonly<Record<Method, readonly string[]>>
  /** Peers that are never named as providers. */
  readonly ignored: ReadonlySet<string>
}

const ROUTERS_DEPTH_MAX = 16

/** Returns how routing is done for a config. Throws `failed`, in Kubo's words, for one that cannot be. */
export function routingSetup(config: Config, identity: 'repo' | 'ephemeral'): RoutingSetup {
  const type = textAt(config, 'Routing.Type') ?? 'auto'
  const common = {
    loopback: flagAt(config, 'Routing.LoopbackAddressesOnLanDHT', false),
    ignored: new Set(textsAt(config, 'Routing.IgnoreProviders')),
  }
  const clientOnly = identity === 'ephemeral'
  if (type === 'custom') return { ...common, ...customSetup(config, clientOnly) }
  const dhts = dhtModes(type, clientOnly)
  const usesHttp = type === 'auto' || type === 'autoclient' || type === 'delegated'
  const routers = usesHttp ? delegatedRouters(config) : []
  const publishers = usesHttp ? delegatedPublishers(config) : []
  if (type === 'delegated' && routers.length + publishers.length === 0) {
    throw new Failure('failed', "no delegated routers or publishers configured for 'delegated' routing mode", {
      hint: 'set Routing.DelegatedRouters or Ipns.DelegatedPublishers',
    })
  }
  return {
    ...common,
    dhts,
    dhtMethods: new Set(METHODS),
    urls: {
      // There is no agreed way to provide over HTTP.
      provide: [],
      'find-providers': routers,
      'find-peers': routers,
      'get-ipns': routers,
      'put-ipns': publishers,
    },
  }
}

function dhtModes(type: string, clientOnly: boolean): Partial<Record<DhtName, DhtMode>> {
  switch (type) {
    case 'auto':
    case 'dht':
      return clientOnly ? { wan: 'client', lan: 'client' } : { wan: 'auto', lan: 'server' }
    case 'autoclient':
    case 'dhtclient':
      return { wan: 'client', lan: 'client' }
    case 'dhtserver':
      return clientOnly ? { wan: 'client', lan: 'client' } : { wan: 'server', lan: 'server' }
    case 'none':
    case 'delegated':
      return {}
    default:
      throw new Failure('failed', `unrecognized routing option: ${type}`, {
        hint: 'set Routing.Type to auto, autoclient, dht, dhtclient, dhtserver, delegated, none or custom',
      })
  }
}

interface Leaves {
  readonly urls: string[]
  readonly dhts: Partial<Record<DhtName, DhtMode>>
}

/** Reads `Routing.Routers` and `Routing.Methods`. What they combine is asked at once, in whichever order they say. */
function customSetup(config: Config, clientOnly: boolean): Pick<RoutingSetup, 'dhts' | 'dhtMethods' | 'urls'> {
  const methods = valueAt(config, 'Routing.Methods')
  const dhts: Partial<Record<DhtName, DhtMode>> = {}
  const dhtMethods = new Set<Method>()
  const urls: Record<Method, readonly string[]> = {
    provide: [],
    'find-providers': [],
    'find-peers': [],
    'get-ipns': [],
    'put-ipns': [],
  }
  for (const method of METHODS) {
    const router = isObject(methods) && isObject(methods[method]) ? methods[method].RouterName : undefined
    if (typeof router !== 'string') {
      throw new Failure('failed', `method name "${method}" is missing from Routing.Methods config param`)
    }
    const leaves: Leaves = { urls: [], dhts: {} }
    collect(config, router, clientOnly, leaves, 0)
    Object.assign(dhts, leaves.dhts)
    if (Object.keys(leaves.dhts).length > 0) dhtMethods.add(method)
    urls[method] = leaves.urls
  }
  return { dhts, dhtMethods, urls }
}

function collect(config: Config, name: string, clientOnly: boolean, leaves: Leaves, depth: number): void {
  const routers = valueAt(config, 'Routing.Routers')
  const router = isObject(routers) && Object.hasOwn(routers, name) ? routers[name] : undefined
  if (!isObject(router) || depth > ROUTERS_DEPTH_MAX) {
    throw new Failure('failed', `router with name ${name} not found in Routing.Routers`)
  }
  const parameters = isObject(router.Parameters) ? router.Parameters : {}
  switch (router.Type) {
    case 'http':
      if (typeof parameters.Endpoint === 'string') leaves.urls.push(parameters.Endpoint)
      return
    case 'dht': {
      const mode = parameters.Mode === 'server' || parameters.Mode === 'client' ? parameters.Mode : 'auto'
      const isPublic = parameters.PublicIPNetwork !== false
      leaves.dhts[isPublic ? 'wan' : 'lan'] = clientOnly ? 'client' : mode === 'auto' && !isPublic ? 'server' : mode
      return
    }
    case 'parallel':
    case 'sequential':
      for (const inner of Array.isArray(parameters.Routers) ? parameters.Routers : []) {
        if (isObject(inner) && typeof inner.RouterName === 'string') {
          collect(config, inner.RouterName, clientOnly, leaves, depth + 1)
        }
      }
      return
    default:
      throw new Failure('failed', `unknown router type ${JSON.stringify(router.Type)}`)
  }
}
