import { Failure } from '../contract/failure.ts'

/** How to reach a node's RPC. */
export interface Endpoint {
  readonly socketPath?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** The IP version that a name is to be resolved to; undefined: any. */
  readonly family?: 4 | 6 | undefined
  readonly isTls: boolean
  /** True when the node is on this machine, and can be told of local paths. */
  readonly isLocal: boolean
}

const HINT = 'write it like /ip4/127.0.0.1/tcp/5001, /dns4/node.example/tcp/443/https or /unix/path/to/api.sock'

/**
 * Returns where a multiaddr (`/ip4/…/tcp/…`, `/dns/…/tcp/…/https`, `/unix/…`), a URL or a `host:port` leads.
 * Throws a `usage` Failure.
 */
export function parseAddress(address: string): Endpoint {
  const text = address.trim()
  if (text.startsWith('/unix/')) return { socketPath: text.slice('/unix'.length), isTls: false, isLocal: true }
  if (text.startsWith('/')) return parseMultiaddr(text)
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:[\]]+)(?::(\d+))?\/?$/.exec(text)
  if (match === null) throw invalid(address)
  const isTls = match[1] === 'https'
  if (match[1] === undefined && match[3] === undefined) throw invalid(address)
  return tcp((match[2] ?? '').replace(/^\[|\]$/g, ''), match[3] ?? (isTls ? '443' : '80'), undefined, isTls, address)
}

function parseMultiaddr(text: string): Endpoint {
  const match = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)((?:\/(?:http|https|tls))*)\/?$/.exec(text)
  if (match === null) throw invalid(text)
  const [, protocol = '', host = '', port = '', suffix = ''] = match
  const family = protocol.endsWith('4') ? 4 : protocol.endsWith('6') ? 6 : undefined
  return tcp(host, port, family, /\/(https|tls)/.test(suffix), text)
}

function tcp(host: string, port: string, family: 4 | 6 | undefined, isTls: boolean, address: string): Endpoint {
  const number = Number(port)
  if (number < 1 || number > 65_535) throw invalid(address)
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.')
  return { host, port: number, family, isTls, isLocal }
}

function invalid(address: string): Failure {
  return new Failure('usage', `invalid address of an RPC: "${address}"`, { hint: HINT })
}
