/**
 * A router as they stand in homes: an Internet Gateway Device of UPnP, to be run on the host that translates addresses.
 * It answers who looks for it by multicast, and forwards ports by nftables when it is asked to. As real ones do, it
 * refuses a removal that does not name the protocol. Each request is printed, a JSON object a line.
 * Usage: gateway-device.ts INSIDE EXTERNAL, the addresses of the router on either side; nftables has a table `nat`.
 */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const [inside = '', external = ''] = process.argv.slice(2)
const DEVICE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2'
const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:2'
const UUID = 'uuid:7e57ab1e-0000-4000-8000-000000000001'
const GROUP = '239.255.255.250'
const SSDP_PORT = 1900

const mapped = new Map<string, string>()

const description = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor></specVersion>
<device><deviceType>${DEVICE}</deviceType><friendlyName>router</friendlyName><manufacturer>a test</manufacturer>
<modelName>router</modelName><UDN>${UUID}</UDN><serviceList><service><serviceType>${SERVICE}</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL>
<eventSubURL>/events</eventSubURL></service></serviceList></device></root>`

function say(value: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

function nft(rules: string): void {
  const { status, stderr } = spawnSync('nft', ['-f', '-'], { input: rules, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** Forwards the ports that are mapped, and no others. */
function forward(): void {
  const rules = [...mapped].map(([port, target]) => `ip daddr ${external} tcp dport ${port} dnat to ${target};`)
  nft(`table ip forwarded
delete table ip forwarded
table ip forwarded { chain in { type nat hook prerouting priority -100; ${rules.join(' ')} }; }`)
}

/** Returns what an action gives, or the code of UPnP for why it does not. */
function carryOut(action: string, field: (name: string) => string): Readonly<Record<string, string>> | number {
  const port = field('NewExternalPort')
  if (action === 'GetExternalIPAddress') return { NewExternalIPAddress: external }
  if (field('NewProtocol') !== 'TCP') return 402
  if (action === 'DeletePortMapping') {
    if (!mapped.delete(port)) return 714
    forward()
    return {}
  }
  if (action !== 'AddPortMapping' && action !== 'AddAnyPortMapping') return 401
  mapped.set(port, `${field('NewInternalClient')}:${field('NewInternalPort')}`)
  forward()
  return action === 'AddAnyPortMapping' ? { NewReservedPort: port } : {}
}

const envelope = (body: string): string =>
  `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`

const server = createServer(async (request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/xml' }).end(description)
    return
  }
  const body = Buffer.concat(await request.toArray()).toString()
  const action = /#(\w+)"?$/.exec(String(request.headers.soapaction))?.[1] ?? ''
  const field = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]?.trim() ?? ''
  const result = carryOut(action, field)
  const names = ['NewExternalPort', 'NewProtocol', 'NewInternalClient', 'NewInternalPort', 'NewLeaseDuration']
  const asked = Object.fromEntries(names.map(name => [name, field(name)]))
  say({ action, ...asked, ...(typeof result === 'number' ? { error: result } : {}) })
  if (typeof result === 'number') {
    const error = `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${result}</errorCode></UPnPError>`
    const fault = `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>${error}</detail></s:Fault>`
    response.writeHead(500, { 'content-type': 'text/xml' }).end(envelope(fault))
    return
  }
  const fields = Object.entries(result).map(([name, value]) => `<${name}>${value}</${name}>`)
  const answer = `<u:${action}Response xmlns:u="${SERVICE}">${fields.join('')}</u:${action}Response>`
  response.writeHead(200, { 'content-type': 'text/xml' }).end(envelope(answer))
})

server.listen(0, inside, () => {
  const location = `http://${inside}:${(server.address() as AddressInfo).port}/description.xml`
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  socket.on('message', (message, { address, port }) => {
    const text = message.toString()
    const target = /^ST: *(\S+)/im.exec(text)?.[1]
    if (!text.startsWith('M-SEARCH') || (target !== DEVICE && target !== 'ssdp:all')) return
    const lines = ['HTTP/1.1 200 OK', 'CACHE-CONTROL: max-age=1800', 'EXT:', `LOCATION: ${location}`]
    const rest = ['SERVER: test/1 UPnP/1.1 test/1', `ST: ${DEVICE}`, `USN: ${UUID}::${DEVICE}`, '', '']
    socket.send([...lines, ...rest].join('\r\n'), port, address)
  })
  socket.bind(SSDP_PORT, () => {
    socket.addMembership(GROUP, inside)
    say({ action: 'ready' })
  })
})
