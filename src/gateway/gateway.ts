import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { AGENT } from '../contract/version.ts'
import { nodeForCall } from '../node/call-node.ts'
import type { Node } from '../node/node.ts'
import { parsePath } from '../node/path.ts'
import type { Config } from '../repo/roles.ts'
import { type Answer, GatewayError, redirect, textAnswer } from './answer.ts'
import { type GatewayConfig, gatewayConfig } from './config.ts'
import { contentPathAnswer } from './content-path.ts'
import { Deadline } from './deadline.ts'
import { errorAnswer, gatewayError } from './errors.ts'
import { pathHeader } from './headers.ts'
import { gatewayFor, routeHost } from './hostname.ts'
import { movedPath } from './moved.ts'
import { contentLocation, formatOf, type GatewayRequest, splitUrl, tidyPath } from './request.ts'
import { cleaned } from './resolve.ts'
import { sendAnswer } from './send.ts'

const RETRY_AFTER_S = 60
const DNSLINK_TIMEOUT_MS = 10_000
const METHODS = 'GET, HEAD, OPTIONS'

/** What a gateway stands on. */
export interface GatewayOptions {
  readonly node: Node
  readonly config: Config
  /** Ends every answer. */
  readonly signal: AbortSignal
  /** Is told of what was thrown and is no Failure. */
  readonly bug: (error: unknown) => void
  /** Answers paths of its own (`/routing/v1`). Returns undefined for those that it does not know. */
  readonly other?:
    | ((request: IncomingMessage, path: string, signal: AbortSignal) => Promise<Answer | undefined>)
    | undefined
}

/**
 * Returns the listener that serves content over HTTP: https://specs.ipfs.tech/http-gateways/. It only reads. Throws
 * when the config has a value that makes no sense.
 */
export function serveGateway(options: GatewayOptions): RequestListener {
  const config = gatewayConfig(options.config)
  const gateway: Gateway = { ...options, config }
  const state = { requests: 0 }
  return (request, response) => {
    // A client that goes away is noticed by its deadline.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    // Nothing is taken: what a client sends along is thrown away.
    request.resume()
    if (config.requestsMax > 0 && state.requests >= config.requestsMax) {
      void sendAnswer(response, tooMany(request, config), { progress: () => undefined })
      return
    }
    state.requests += 1
    serve(gateway, request, response)
      .catch(error => {
        options.bug(error)
        response.destroy()
      })
      .finally(() => {
        state.requests -= 1
      })
  }
}

interface Gateway extends Omit<GatewayOptions, 'config'> {
  readonly config: GatewayConfig
}

async function serve(shared: Gateway, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { config } = shared
  using deadline = new Deadline(response, shared.signal, config)
  const { globals } = shared.node
  // What is missing is fetched for this request alone, and no longer once it has ended.
  await using node = nodeForCall(shared.node, { ...globals, offline: globals.offline || config.noFetch })
  const gateway: Gateway = { ...shared, node }
  let answer: Answer
  try {
    answer = await answerTo(gateway, request, deadline.signal)
  } catch (error) {
    answer = failedAnswer(gateway, request, error, {})
  }
  try {
    await sendAnswer(response, { ...answer, headers: { ...config.headers, ...answer.headers } }, deadline)
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      if (gatewayError(error) === undefined && !response.destroyed) gateway.bug(error)
      response.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    const { headers, ...rest } = failedAnswer(gateway, request, error, {})
    await sendAnswer(response, { ...rest, headers: { ...config.headers, ...headers } }, deadline)
  }
}

function failedAnswer(
  { config, bug }: Gateway,
  request: IncomingMessage,
  error: unknown,
  headers: Readonly<Record<string, string>>,
): Answer {
  const known = gatewayError(error)
  if (known === undefined) bug(error)
  const told = known ?? new GatewayError(500, 'a bug in tsipfs')
  const wantsHtml = config.htmlErrors && request.headers.accept?.includes('text/html') === true
  const answer = errorAnswer(told, wantsHtml)
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function tooMany(request: IncomingMessage, config: GatewayConfig): Answer {
  const headers = { ...config.headers, 'Cache-Control': 'no-store', 'Retry-After': String(RETRY_AFTER_S) }
  const error = new GatewayError(429, `Too many requests. Please retry after ${RETRY_AFTER_S} seconds.`, headers)
  return errorAnswer(error, config.htmlErrors && request.headers.accept?.includes('text/html') === true)
}

async function answerTo(gateway: Gateway, request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
  const { config, node } = gateway
  const url = splitUrl(request.url ?? '')
  const moved = movedByUri(url.query)
  if (moved !== undefined) return moved
  const tidy = tidyPath(url.urlPath)
  if (tidy !== url.urlPath) return redirect(307, url.rawQuery === '' ? tidy : `${tidy}?${url.rawQuery}`)
  const forwarded = request.headers['x-forwarded-host']
  const host = typeof forwarded === 'string' && forwarded !== '' ? forwarded : (request.headers.host ?? '')
  const isHttps = request.headers['x-forwarded-proto'] === 'https'
  const routed = await routeHost(config, { host, isHttps, ...url }, domain => hasDnsLink(gateway, domain, signal))
  if ('answer' in routed) return routed.answer
  const { route } = routed
  if (route.path === '/ipfs' || route.path === '/ipns') return redirect(307, `${route.path}/`)
  if (!/^\/ip[fn]s\//.test(route.path)) return await otherAnswer(gateway, request, route.path, signal)
  if (request.method === 'OPTIONS') return { status: 200, headers: { Allow: METHODS } }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return textAnswer(405, `Method ${request.method} not allowed: read only access`, { Allow: METHODS })
  }
  const asked: GatewayRequest = {
    ...route,
    method: request.method,
    urlPath: url.urlPath,
    query: url.query,
    rawQuery: url.rawQuery,
    headers: request.headers,
    deserialized:
      gatewayFor(config, route.host)?.deserialized ?? subdomainDeserialized(config, route) ?? config.deserialized,
  }
  const elsewhere = movedPath(asked)
  if (elsewhere !== undefined) return elsewhere
  parsePath(asked.path)
  const format = formatOf(asked.query, request.headers.accept)
  const location = contentLocation(asked, format)
  const headers = {
    ...pathHeader(cleaned(asked.path)),
    ...(location === undefined ? {} : { 'Content-Location': location }),
  }
  try {
    const answer = await contentPathAnswer({ config, node, request: asked, format, waiting: { signal } })
    return { ...answer, headers: { ...headers, ...answer.headers } }
  } catch (error) {
    return failedAnswer(gateway, request, error, headers)
  }
}

/** On a subdomain it is the gateway above that says what may be asked. */
function subdomainDeserialized(
  config: GatewayConfig,
  { gatewayUrl, isDnsLink }: { gatewayUrl: string; isDnsLink: boolean },
) {
  return isDnsLink ? undefined : gatewayFor(config, gatewayUrl.slice(2))?.deserialized
}

/** Web browsers that know `ipfs:` addresses hand them over whole. */
function movedByUri(query: URLSearchParams): Answer | undefined {
  const uri = query.get('uri') ?? ''
  if (uri === '') return undefined
  const match = /^(\w+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/.exec(uri)
  if (match === null) throw new GatewayError(400, 'failed to parse uri query parameter')
  const [, scheme = '', root = '', rest = '', asked] = match
  if (scheme !== 'ipfs' && scheme !== 'ipns') {
    throw new GatewayError(400, 'uri query parameter scheme must be ipfs or ipns')
  }
  const path = cleaned(`/${scheme}/${root}${rest}`)
  return redirect(301, asked === undefined || asked === '' ? path : `${path}?${asked}`)
}

async function otherAnswer(
  { config, other }: Gateway,
  request: IncomingMessage,
  path: string,
  signal: AbortSignal,
): Promise<Answer> {
  if (path === '/version') {
    const { COMMIT } = await import('../node/build.ts')
    return textAnswer(200, `Commit: ${COMMIT}\nClient Version: ${AGENT}`)
  }
  const answer = await other?.(request, path, signal)
  if (answer !== undefined) return answer
  if (config.rootRedirect !== '') return redirect(302, config.rootRedirect)
  return textAnswer(404, '404 page not found')
}

async function hasDnsLink({ node }: Gateway, domain: string, signal: AbortSignal): Promise<boolean> {
  const { resolveName } = await import('../node/naming.ts')
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(DNSLINK_TIMEOUT_MS)])
    await resolveName(node, domain, { depthMax: 1, signal: limited })
    return true
  } catch (error) {
    signal.throwIfAborted()
    if (gatewayError(error) !== undefined) return false
    throw error
  }
}
