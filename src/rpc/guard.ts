import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { authorizationHeader } from './authorization.ts'

/** What the config says about who may use the RPC. */
export interface Policy {
  /** `Access-Control-Allow-Origin`: origins beside those of this machine. */
  readonly origins: readonly string[]
  /** `Access-Control-Allow-Methods`. */
  readonly methods: readonly string[]
  /** `Access-Control-Allow-Credentials`. */
  readonly credentials: boolean
  /** Further headers that each answer carries. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** Nobody gets in without one of `authorizations`. */
  readonly isRestricted: boolean
  readonly authorizations: readonly Authorization[]
}

/** Who sends this `Authorization` header may use these paths. */
export interface Authorization {
  readonly header: string
  readonly paths: readonly string[]
}

/** Where a request came in. */
export interface Door {
  /** The repo's own socket: whoever reaches it may read the repo, and needs no secret. */
  readonly isOwn: boolean
  /** The TCP port; undefined on a Unix socket. */
  readonly port: number | undefined
}

/** What a page may ask for unless the config names others. */
const METHODS_DEFAULT = ['POST']
/** The headers that CORS lets a web page see, and send. */
const EXPOSED = 'X-Stream-Output, X-Chunked-Output, X-Content-Length'
const SENDABLE = new Set(['origin', 'accept', 'content-type', 'x-requested-with'])
const COMPANIONS = [
  'chrome-extension://nibjojkomfdiaoajekhjakgkdhaomnch',
  'chrome-extension://hjoieblefckbooibpepigmacodalfndh',
]

/** Returns the policy of a config's `API` section. What is malformed there grants nothing. */
export function policyOf(api: unknown): Policy {
  const section = recordOf(api)
  const headers = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(recordOf(section.HTTPHeaders))) {
    headers.set(name.toLowerCase(), listOf(value))
  }
  const take = (name: string): readonly string[] => {
    const value = headers.get(name) ?? []
    headers.delete(name)
    return value
  }
  const methods = take('access-control-allow-methods')
  const scopes = Object.values(recordOf(section.Authorizations))
  return {
    origins: take('access-control-allow-origin'),
    methods: methods.length > 0 ? methods : METHODS_DEFAULT,
    credentials: take('access-control-allow-credentials').some(value => value.toLowerCase() === 'true'),
    headers: Object.fromEntries(headers),
    isRestricted: scopes.length > 0,
    authorizations: scopes.flatMap(scope => {
      const { AuthSecret, AllowedPaths } = recordOf(scope)
      const header = typeof AuthSecret === 'string' ? authorizationHeader(AuthSecret) : undefined
      return header === undefined ? [] : [{ header, paths: listOf(AllowedPaths) }]
    }),
  }
}

/** Returns why a request is refused; undefined when it may pass. */
export function refusal(policy: Policy, door: Door, path: string, headers: IncomingHttpHeaders): string | undefined {
  // A page that rebinds its own name to this machine's address sends that name as Host.
  if (door.port !== undefined && !isKnownHost(policy, headers.host)) return `403 - Forbidden: unknown Host`
  const { origin, referer } = headers
  if (origin !== undefined && origin !== '' && !isAllowedOrigin(policy, door, origin)) return '403 - Forbidden'
  if (referer !== undefined && referer !== '' && !isAllowedOrigin(policy, door, originOf(referer) ?? '')) {
    return '403 - Forbidden'
  }
  // A browser that tells neither hides where the request comes from.
  const agent = headers['user-agent'] ?? ''
  if (!origin && !referer && agent.startsWith('Mozilla') && !agent.includes('Electron')) return '403 - Forbidden'
  return isAuthorized(policy, door, path, headers.authorization)
    ? undefined
    : 'RPC Access Denied: Please provide a valid authorization token as defined in the API.Authorizations configuration.'
}

/** Returns the CORS headers of an answer. */
export function corsHeaders(policy: Policy, door: Door, origin: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {
    'Access-Control-Allow-Headers': EXPOSED,
    'Access-Control-Expose-Headers': EXPOSED,
    Vary: 'Origin',
  }
  return { ...headers, ...originHeaders(policy, door, origin) }
}

/** Returns the headers that answer a browser's question whether it may send a request. */
export function preflightHeaders(policy: Policy, door: Door, headers: IncomingHttpHeaders): Record<string, string> {
  const vary = { Vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' }
  const method = headers['access-control-request-method'] ?? ''
  const asked = headers['access-control-request-headers'] ?? ''
  const names = asked.split(',').map(name => name.trim().toLowerCase())
  const isAllowed = policy.methods.includes(method) && names.every(name => name === '' || SENDABLE.has(name))
  const granted = isAllowed ? originHeaders(policy, door, headers.origin) : {}
  if (Object.keys(granted).length === 0) return vary
  return {
    ...vary,
    ...granted,
    'Access-Control-Allow-Methods': method,
    ...(asked === '' ? {} : { 'Access-Control-Allow-Headers': asked }),
  }
}

/** Returns the headers that let the page of an origin read an answer; none when it may not. */
export function originHeaders(policy: Policy, door: Door, origin: string | undefined): Record<string, string> {
  if (origin === undefined || origin === '' || !isAllowedOrigin(policy, door, origin)) return {}
  return {
    'Access-Control-Allow-Origin': policy.origins.includes('*') ? '*' : origin,
    ...(policy.credentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
  }
}

function isAllowedOrigin(policy: Policy, door: Door, origin: string): boolean {
  if (policy.origins.includes('*') || policy.origins.includes(origin) || COMPANIONS.includes(origin)) return true
  if (door.port === undefined) return false
  const match = /^https?:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(:\d+)?$/.exec(origin)
  return match !== null && (match[1] ?? ':80') === `:${door.port}`
}

/** Addresses are safe: only names can be rebound. */
function isKnownHost(policy: Policy, host: string | undefined): boolean {
  if (host === undefined || host === '') return true
  const name = host.replace(/:\d+$/, '').toLowerCase()
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name) || /^\[[0-9a-f:.]+\]$/.test(name)) return true
  // No page can come from a name that the public DNS cannot hold: another container's, one of a private network.
  if (!name.includes('.') || /\.(?:localhost|local|internal|test|home\.arpa)$/.test(name)) return true
  return policy.origins.some(origin => origin === '*' || hostOf(origin) === name)
}

function isAuthorized(policy: Policy, door: Door, path: string, header: string | undefined): boolean {
  if (!policy.isRestricted || door.isOwn) return true
  const scope = policy.authorizations.find(one => isSame(one.header, header ?? ''))
  if (scope === undefined) return false
  return path === '/api/v0/version' || scope.paths.some(prefix => path.startsWith(prefix))
}

/** Compares in a time that tells nothing of where the two differ. */
function isSame(secret: string, given: string): boolean {
  const [a, b] = [Buffer.from(secret), Buffer.from(given)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function originOf(url: string): string | undefined {
  const match = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)/i.exec(url)
  return match?.[1]
}

function hostOf(origin: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#:]*|\[[^\]]*\])/i.exec(origin)?.[1]?.toLowerCase()
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}
