import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'

/**
 * Routers that forward ports on request, as UPnP has them: found by SSDP, asked by SOAP.
 * https://openconnectivity.org/developer/specifications/upnp-resources/upnp/internet-gateway-device-igd-v-2-0/
 */
const GROUP = '239.255.255.250'
const SSDP_PORT = 1900
const DEVICES = [1, 2].map(version => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`)
const SERVICE = /^urn:schemas-upnp-org:service:WAN(IP|PPP)Connection:[12]$/
/** Seconds within which a device answers a search (`MX`). */
const ANSWER_SECONDS = 2
const SEARCH_MS = 1_000 * ANSWER_SECONDS + 1_000
const REQUEST_TIMEOUT_MS = 5_000
const ANSWER_BYTES_MAX = 256 * 1024
/** Of one search: in a network that is full of them, or of liars. */
const LOCATIONS_MAX = 8

/** Codes of UPnP for a refusal. */
export const CONFLICT_IN_MAPPING = 718
export const ONLY_PERMANENT_LEASES = 725

/** A device has refused an action. */
export class UpnpError extends Error {
  readonly code: number

  constructor(action: string, code: number) {
    super(`${action}: refused with ${code}`)
    this.code = code
  }
}

/** A port of a router that leads to one of this host. */
export interface Mapping {
  readonly externalPort: number
  readonly host: string
  readonly port: number
}

/** A router that was found. */
export class Gateway {
  /** Where it takes requests. */
  readonly control: URL
  readonly #service: string

  constructor(control: URL, service: string) {
    this.control = control
    this.#service = service
  }

  /** Returns the address under which it is known outside. */
  async externalAddress(signal: AbortSignal): Promise<string> {
    return fieldOf(await this.#ask('GetExternalIPAddress', [], signal), 'NewExternalIPAddress')
  }

  /** Has a port forwarded for so many seconds; 0: until it is taken back. Throws UpnpError. */
  async map({ externalPort, host, port }: Mapping, name: string, seconds: number, signal: AbortSignal): Promise<void> {
    const fields: (readonly [string, string])[] = [
      ['NewRemoteHost', ''],
      ['NewExternalPort', String(externalPort)],
      ['NewProtocol', 'TCP'],
      ['NewInternalPort', String(port)],
      ['NewInternalClient', host],
      ['NewEnabled', '1'],
      ['NewPortMappingDescription', name],
      ['NewLeaseDuration', String(seconds)],
    ]
    await this.#ask('AddPortMapping', fields, signal)
  }

  /** Takes a port back. */
  async unmap(externalPort: number, signal: AbortSignal): Promise<void> {
    const fields: (readonly [string, string])[] = [
      ['NewRemoteHost', ''],
      ['NewExternalPort', String(externalPort)],
      ['NewProtocol', 'TCP'],
    ]
    await this.#ask('DeletePortMapping', fields, signal)
  }

  async #ask(action: string, fields: readonly (readonly [string, string])[], signal: AbortSignal): Promise<string> {
    const arguments_ = fields.map(([name, value]) => `<${name}>${value}</${name}>`).join('')
    const call = `<u:${action} xmlns:u="${this.#service}">${arguments_}</u:${action}>`
    const { ok, text } = await request(this.control, signal, {
      method: 'POST',
      headers: { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${this.#service}#${action}"` },
      body: `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${call}</s:Body></s:Envelope>`,
    })
    if (!ok) throw new UpnpError(action, Number(fieldOf(text, 'errorCode')))
    return text
  }
}

/** Looks for routers from an IPv4 address of this host, and yields those that answer within a few seconds. */
export async function* findGateways(from: string, signal: AbortSignal): AsyncGenerator<Gateway> {
  for (const location of await search(from, signal)) {
    const gateway = await describe(location, signal).catch(() => undefined)
    if (gateway !== undefined) yield gateway
  }
}

async function search(from: string, signal: AbortSignal): Promise<Iterable<URL>> {
  const socket = createSocket('udp4')
  const found = new Map<string, URL>()
  socket.on('message', (message, sender) => {
    const location = locationOf(message.toString('latin1'), sender)
    if (location !== undefined && found.size < LOCATIONS_MAX) found.set(location.href, location)
  })
  try {
    await bound(socket, from)
    for (const device of DEVICES) {
      const lines = ['M-SEARCH * HTTP/1.1', `HOST: ${GROUP}:${SSDP_PORT}`, 'MAN: "ssdp:discover"']
      socket.send([...lines, `MX: ${ANSWER_SECONDS}`, `ST: ${device}`, '', ''].join('\r\n'), SSDP_PORT, GROUP)
    }
    await new Promise<void>(resolve => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(SEARCH_MS)])
      // Whoever has two routers may use either: the first to answer, and what comes with it, is enough.
      socket.on('message', () => found.size > 0 && resolve())
      socket.on('error', () => resolve())
      limit.addEventListener('abort', () => resolve())
    })
  } finally {
    socket.close()
  }
  return found.values()
}

async function bound(socket: Socket, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port: 0 }, resolve)
  })
}

/** Returns where a device describes itself: on the host that answers, and on no other one that it would have asked. */
function locationOf(answer: string, { address }: RemoteInfo): URL | undefined {
  const text = /^location: *(\S+)/im.exec(answer)?.[1]
  if (!/^HTTP\/1\.\d 200/.test(answer) || text === undefined || !URL.canParse(text)) return undefined
  const location = new URL(text)
  return location.protocol === 'http:' && location.hostname === address ? location : undefined
}

/** Asks a device what it can do. Returns undefined when it forwards no ports. */
export async function describe(location: URL, signal: AbortSignal): Promise<Gateway | undefined> {
  const { text } = await request(location, signal, {})
  const base = fieldOf(text, 'URLBase')
  for (const [service] of text.matchAll(/<service>[\s\S]*?<\/service>/g)) {
    const type = fieldOf(service, 'serviceType')
    const path = fieldOf(service, 'controlURL')
    if (!SERVICE.test(type) || path === '') continue
    const control = new URL(path, URL.canParse(base) ? base : location)
    if (control.protocol === 'http:' && control.hostname === location.hostname) return new Gateway(control, type)
  }
  return undefined
}

async function request(url: URL, signal: AbortSignal, init: RequestInit): Promise<{ ok: boolean; text: string }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
  const response = await fetch(url, { ...init, redirect: 'error', signal: limit })
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes from ${url.host}`)
    parts.push(part)
  }
  return { ok: response.ok, text: Buffer.concat(parts).toString() }
}

/** Returns what stands in the first element of a name, with or without a prefix; empty when there is none. */
function fieldOf(xml: string, name: string): string {
  return new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)</`).exec(xml)?.[1]?.trim() ?? ''
}
