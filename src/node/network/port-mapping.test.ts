import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import type { Components } from './parts.ts'
import { PortMapping } from './port-mapping.ts'
import { CONFLICT_IN_MAPPING, describe, type Gateway, ONLY_PERMANENT_LEASES, UpnpError } from './upnp.ts'

const HOST = '192.168.7.9'
const SERVICE = 'urn:schemas-upnp-org:service:WANPPPConnection:1'

/** A router on loopback. `answer` gives the status and the body for an action and its fields. */
async function router(answer: (action: string, body: string) => [status: number, body: string]) {
  const listener: RequestListener = async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString()
    const action = /#(\w+)"$/.exec(String(request.headers.soapaction))?.[1] ?? ''
    const [status, text] = answer(action, body)
    response.writeHead(status).end(text)
  }
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const location = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/description`)
  return { location, [Symbol.dispose]: () => void server.close() }
}

function description(control: string, service = SERVICE): string {
  return `<root xmlns="u"><device><serviceList>
    <service><serviceType>urn:x:service:Layer3Forwarding:1</serviceType><controlURL>/no</controlURL></service>
    <service><serviceType> ${service} </serviceType><controlURL>${control}</controlURL></service></serviceList></device></root>`
}

test('a router is asked as its description says, and its refusals have a code', async () => {
  const asked: string[] = []
  using device = await router((action, body) => {
    if (action === '') return [200, description('/control')]
    asked.push(action, /<NewProtocol>(\w*)</.exec(body)?.[1] ?? '')
    if (action === 'GetExternalIPAddress')
      return [200, '<s:Body><u:R><NewExternalIPAddress> 55.1.2.3 </NewExternalIPAddress></u:R></s:Body>']
    if (action === 'DeletePortMapping') return [200, '']
    return [500, '<s:Fault><detail><e:UPnPError><e:errorCode>718</e:errorCode></e:UPnPError></detail></s:Fault>']
  })
  const signal = AbortSignal.timeout(10_000)
  const gateway = await describe(device.location, signal)
  assert.ok(gateway !== undefined)
  assert.equal(await gateway.externalAddress(signal), '55.1.2.3')
  await gateway.unmap(4001, signal)
  const mapping = { externalPort: 4001, host: HOST, port: 4001 }
  await assert.rejects(gateway.map(mapping, 'x', 60, signal), { code: CONFLICT_IN_MAPPING })
  assert.deepEqual(asked, ['GetExternalIPAddress', '', 'DeletePortMapping', 'TCP', 'AddPortMapping', 'TCP'])
})

test('what forwards no ports, says too much, or sends others on is no router', async () => {
  const signal = AbortSignal.timeout(10_000)
  for (const text of ['', '<html>', description('/c', 'urn:other'), description('http://192.0.2.1/control')]) {
    using device = await router(() => [200, text])
    assert.equal(await describe(device.location, signal), undefined)
  }
  using endless = await router(() => [200, 'x'.repeat(300_000)])
  await assert.rejects(describe(endless.location, signal), /more than/)
})

/** Maps ports on a router of the test's own, with leases of `leaseMs`. */
function mapping(gateway: Partial<Gateway>, leaseMs = 60_000) {
  const known: string[] = []
  const text = (host: string, port: number, external: string, externalPort: number | undefined): string =>
    `${host}:${port} ${external}:${externalPort}`
  const components = {
    transportManager: {
      getAddrs: () => ['/ip4/127.0.0.1/tcp/4001', `/ip4/${HOST}/tcp/4001`].map(each => multiaddr(each)),
    },
    addressManager: {
      addPublicAddressMapping: (...all: Parameters<typeof text>) => void known.push(`+${text(...all)}`),
      removePublicAddressMapping: (...all: Parameters<typeof text>) => void known.push(`-${text(...all)}`),
      confirmObservedAddr: (address: unknown) => void known.push(`!${address}`),
    },
  }
  const lines: string[] = []
  const service = new PortMapping(components as unknown as Components, {
    find: async function* () {
      yield gateway as Gateway
    },
    hosts: () => new Set([HOST]),
    leaseMs,
    log: line => lines.push(line),
  })
  return { service, known, lines }
}

/** Resolves when something has been called so many times. */
function counted() {
  const waiting = new Map<number, () => void>()
  let count = 0
  return {
    now: () => {
      count += 1
      waiting.get(count)?.()
      return count
    },
    reached: (times: number) =>
      count >= times ? Promise.resolve() : new Promise<void>(resolve => waiting.set(times, resolve)),
  }
}

test('a port is mapped, again before its lease is over, under a new address when there is one, and given back', async () => {
  const calls = counted()
  const leases: number[] = []
  const unmapped: number[] = []
  let external = '55.1.2.3'
  const { service, known } = mapping(
    {
      externalAddress: async () => external,
      map: async (_mapping, _name, seconds) => {
        leases.push(seconds)
        if (calls.now() === 2) external = '55.9.9.9'
      },
      unmap: async port => void unmapped.push(port),
    },
    30,
  )
  service.afterStart()
  await calls.reached(4)
  await service.stop()
  assert.deepEqual(known, [
    `+${HOST}:4001 55.1.2.3:4001`,
    '!/ip4/55.1.2.3/tcp/4001',
    `-${HOST}:4001 55.1.2.3:4001`,
    `+${HOST}:4001 55.9.9.9:4001`,
    '!/ip4/55.9.9.9/tcp/4001',
  ])
  assert.ok(leases.every(seconds => seconds === 1))
  assert.deepEqual(unmapped, [4001])
})

test('a port that is taken is another one, and a router that knows no leases is asked for one without an end', async () => {
  const calls = counted()
  const asked: [number, number][] = []
  const { service, known } = mapping({
    externalAddress: async () => '55.1.2.3',
    map: async ({ externalPort }, _name, seconds) => {
      asked.push([externalPort, seconds])
      const count = calls.now()
      if (count < 3) throw new UpnpError('AddPortMapping', count === 1 ? CONFLICT_IN_MAPPING : ONLY_PERMANENT_LEASES)
    },
    unmap: async () => undefined,
  })
  service.afterStart()
  await calls.reached(3)
  await service.stop()
  assert.deepEqual(
    asked.map(([port, seconds]) => [port === 4001, seconds]),
    [
      [true, 60],
      [false, 60],
      [false, 0],
    ],
  )
  assert.equal(known[0], `+${HOST}:4001 55.1.2.3:${asked[2]?.[0]}`)
})

test('behind a second router nothing is mapped; a failure is said, and ends nothing', async () => {
  for (const external of ['10.0.0.1', '', 'nonsense', '203.0.113.7']) {
    const calls = counted()
    const externalAddress = async (): Promise<string> => {
      calls.now()
      return external
    }
    const { service, known } = mapping({ externalAddress, map: async () => assert.fail('it was mapped') })
    service.afterStart()
    await calls.reached(1)
    await service.stop()
    assert.deepEqual(known, [])
  }
  const calls = counted()
  const { service, lines } = mapping({
    externalAddress: async () => {
      calls.now()
      throw new Error('no route')
    },
  })
  service.afterStart()
  await calls.reached(1)
  await new Promise(resolve => setImmediate(resolve))
  await service.stop()
  assert.match(lines.join(), /no route/)
})
