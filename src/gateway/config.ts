import { parseDuration } from '../contract/duration.ts'
import { Failure } from '../contract/failure.ts'

const RETRIEVAL_TIMEOUT_MS = 30_000
const REQUEST_MS_MAX = 60 * 60 * 1000
const REQUESTS_MAX = 4_096

/** A host name that the gateway answers for. */
export interface PublicGateway {
  /** Prefixes of paths that are content here: `/ipfs`, `/ipns`. */
  readonly paths: readonly string[]
  /** Content lies at `<cid>.ipfs.<host>`; paths are redirected there. */
  readonly usesSubdomains: boolean
  readonly noDnsLink: boolean
  readonly inlinesDnsLink: boolean
  readonly deserialized: boolean
}

/** What the config says about the gateway. */
export interface GatewayConfig {
  readonly noFetch: boolean
  readonly noDnsLink: boolean
  /** False: only answers that the client can check (raw blocks, CARs, IPNS records). */
  readonly deserialized: boolean
  readonly convertsCodecs: boolean
  readonly htmlErrors: boolean
  /** Time without a byte for the client; 0: no limit. */
  readonly retrievalTimeoutMs: number
  readonly requestMsMax: number
  /** 0: no limit. */
  readonly requestsMax: number
  /** Ranges of larger files are refused; 0: none. */
  readonly rangeFileBytesMax: number
  readonly rootRedirect: string
  readonly exposesRouting: boolean
  readonly publicGateways: ReadonlyMap<string, PublicGateway>
  /** Headers of each answer. */
  readonly headers: Readonly<Record<string, string>>
}

/** Returns the settings of a config's `Gateway` section. Throws `failed` for values of the wrong shape. */
export function gatewayConfig(config: Readonly<Record<string, unknown>>): GatewayConfig {
  const section = recordOf(config.Gateway)
  const deserialized = flag(section.DeserializedResponses, true)
  return {
    noFetch: section.NoFetch === true,
    noDnsLink: section.NoDNSLink === true,
    deserialized,
    convertsCodecs: flag(section.AllowCodecConversion, false),
    htmlErrors: !flag(section.DisableHTMLErrors, false),
    retrievalTimeoutMs: duration(section.RetrievalTimeout, RETRIEVAL_TIMEOUT_MS),
    requestMsMax: duration(section.MaxRequestDuration, REQUEST_MS_MAX) || REQUEST_MS_MAX,
    requestsMax: count(section.MaxConcurrentRequests, REQUESTS_MAX, 'Gateway.MaxConcurrentRequests'),
    rangeFileBytesMax: bytes(section.MaxRangeRequestFileSize),
    rootRedirect: typeof section.RootRedirect === 'string' ? section.RootRedirect : '',
    exposesRouting: flag(section.ExposeRoutingAPI, true),
    publicGateways: publicGateways(recordOf(section.PublicGateways), deserialized),
    headers: headersOf(recordOf(section.HTTPHeaders)),
  }
}

function publicGateways(
  section: Readonly<Record<string, unknown>>,
  deserialized: boolean,
): ReadonlyMap<string, PublicGateway> {
  const local = { paths: ['/ipfs/', '/ipns/', '/p2p/'], usesSubdomains: true, noDnsLink: false, inlinesDnsLink: false }
  const gateways = new Map<string, PublicGateway>([['localhost', { ...local, deserialized }]])
  for (const [host, value] of Object.entries(section)) {
    if (value === null) {
      gateways.delete(host)
      continue
    }
    const gateway = recordOf(value)
    gateways.set(host, {
      paths: Array.isArray(gateway.Paths) ? gateway.Paths.filter(path => typeof path === 'string') : [],
      usesSubdomains: gateway.UseSubdomains === true && !/^(\d+\.){3}\d+(:\d+)?$|^\[/.test(host),
      noDnsLink: gateway.NoDNSLink === true,
      inlinesDnsLink: flag(gateway.InlineDNSLink, false),
      deserialized: flag(gateway.DeserializedResponses, deserialized),
    })
  }
  return gateways
}

const ALLOWED = ['Content-Type', 'Range', 'User-Agent', 'X-Requested-With']
const EXPOSED = [
  'Content-Length',
  'Content-Range',
  'X-Chunked-Output',
  'X-Ipfs-Path',
  'X-Ipfs-Roots',
  'X-Stream-Output',
]

/** Pages of any origin may read what is public anyway, unless the config says otherwise. */
function headersOf(section: Readonly<Record<string, unknown>>): Record<string, string> {
  const given = new Map<string, string[]>()
  for (const [name, value] of Object.entries(section)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw invalid('Gateway.HTTPHeaders')
    given.set(name.toLowerCase(), (Array.isArray(value) ? value : [value]).filter(isHeaderValue))
  }
  const list = (name: string, always: readonly string[]): string =>
    [...new Set([...always, ...(given.get(name.toLowerCase()) ?? [])])].sort().join(', ')
  const headers: Record<string, string> = {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
  }
  for (const [name, values] of given) {
    const known = Object.keys(headers).find(key => key.toLowerCase() === name)
    headers[known ?? name] = values.join(', ')
  }
  for (const [name, always] of [
    ['Access-Control-Allow-Headers', ALLOWED],
    ['Access-Control-Expose-Headers', EXPOSED],
  ] as const) {
    const value = list(name, always)
    delete headers[name.toLowerCase()]
    headers[name] = value
  }
  return headers
}

function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && !/[\r\n\0]/.test(value)
}

function flag(value: unknown, initial: boolean): boolean {
  return typeof value === 'boolean' ? value : initial
}

function duration(value: unknown, initial: number): number {
  return typeof value === 'string' && value !== '' && value !== 'default' ? parseDuration(value) : initial
}

function count(value: unknown, initial: number, key: string): number {
  if (value === undefined || value === null) return initial
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw invalid(key)
  return value
}

function bytes(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i.exec(typeof value === 'string' ? value.trim() : '')
  if (match === null) throw invalid('Gateway.MaxRangeRequestFileSize')
  const power = ['', 'k', 'm', 'g', 't'].indexOf((match[2] ?? '').toLowerCase())
  return Math.floor(Number(match[1]) * (match[3] === '' ? 1000 : 1024) ** power)
}

function invalid(key: string): Failure {
  return new Failure('failed', `the config has no valid value at ${key}`)
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
