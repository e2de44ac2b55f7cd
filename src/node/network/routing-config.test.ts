import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routingSetup } from './routing-config.ts'

const setup = (Routing: Record<string, unknown>, identity: 'repo' | 'ephemeral' = 'repo') =>
  routingSetup({ Routing, AutoConf: { Enabled: false } }, identity)

test('each type runs the DHTs that Kubo runs; what is gone soon is a client', () => {
  assert.deepEqual(setup({}).dhts, { wan: 'auto', lan: 'server' })
  assert.deepEqual(setup({ Type: 'dht' }).dhts, { wan: 'auto', lan: 'server' })
  assert.deepEqual(setup({ Type: 'autoclient' }).dhts, { wan: 'client', lan: 'client' })
  assert.deepEqual(setup({ Type: 'dhtserver' }).dhts, { wan: 'server', lan: 'server' })
  assert.deepEqual(setup({ Type: 'dhtserver' }, 'ephemeral').dhts, { wan: 'client', lan: 'client' })
  assert.deepEqual(setup({ Type: 'none' }).dhts, {})
  assert.throws(() => setup({ Type: 'magic' }), /unrecognized routing option: magic/)
  assert.throws(() => setup({ Type: 'delegated' }), /no delegated routers or publishers configured/)
})

test('HTTP routers are asked beside the DHT, and alone', () => {
  const url = 'http://127.0.0.1:1'
  assert.deepEqual(setup({ DelegatedRouters: [url] }).urls['find-providers'], [url])
  assert.deepEqual(setup({ Type: 'dht', DelegatedRouters: [url] }).urls['find-providers'], [])
  const alone = setup({ Type: 'delegated', DelegatedRouters: [url] })
  assert.deepEqual([alone.dhts, alone.urls['get-ipns'], alone.urls['put-ipns']], [{}, [url], []])
})

test('routers of one’s own are combined for each method', () => {
  const Routers = {
    http: { Type: 'http', Parameters: { Endpoint: 'http://127.0.0.1:1' } },
    lan: { Type: 'dht', Parameters: { Mode: 'auto', PublicIPNetwork: false } },
    both: { Type: 'parallel', Parameters: { Routers: [{ RouterName: 'http' }, { RouterName: 'lan' }] } },
    ring: { Type: 'sequential', Parameters: { Routers: [{ RouterName: 'ring' }] } },
  }
  const methods = (provide: string) => ({
    provide: { RouterName: provide },
    'find-providers': { RouterName: 'both' },
    'find-peers': { RouterName: 'lan' },
    'get-ipns': { RouterName: 'http' },
    'put-ipns': { RouterName: 'http' },
  })
  const made = setup({ Type: 'custom', Routers, Methods: methods('lan') })
  assert.deepEqual(made.dhts, { lan: 'server' })
  assert.deepEqual([...made.dhtMethods], ['provide', 'find-providers', 'find-peers'])
  assert.deepEqual(made.urls['find-providers'], ['http://127.0.0.1:1'])
  assert.throws(() => setup({ Type: 'custom', Routers, Methods: methods('ring') }), /router with name ring not found/)
  assert.throws(() => setup({ Type: 'custom', Routers, Methods: {} }), /method name "provide" is missing/)
})
