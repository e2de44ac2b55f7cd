import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { Failure } from '../../contract/failure.ts'
import { AddressFilters, isMask, unreachableNetworks } from './filters.ts'

test('a mask matches the addresses of its network, to the bit', () => {
  const filters = new AddressFilters(['/ip4/10.1.128.0/ipcidr/17', '/ip6/fd00::/ipcidr/9', '/ip4/1.2.3.4/ipcidr/32'])
  const inside = ['/ip4/10.1.128.1/tcp/1', '/ip4/10.1.255.255/udp/4', '/ip6/fd7f::1/tcp/1', '/ip4/1.2.3.4/tcp/9/ws']
  const outside = ['/ip4/10.1.127.255/tcp/1', '/ip4/1.2.3.5/tcp/1', '/ip6/fe80::1/tcp/1', '/dns4/host/tcp/1']
  for (const address of inside) assert.ok(filters.matches(multiaddr(address)), address)
  for (const address of outside) assert.ok(!filters.matches(multiaddr(address)), address)
  assert.ok(new AddressFilters(['/ip4/0.0.0.0/ipcidr/0']).matches(multiaddr('/ip4/8.8.8.8/tcp/1')))
  assert.ok(!new AddressFilters(['/ip4/0.0.0.0/ipcidr/0']).matches(multiaddr('/ip6/::1/tcp/1')))
})

test('masks are added once, and removed', () => {
  const filters = new AddressFilters([])
  filters.add('/ip4/10.0.0.0/ipcidr/8')
  filters.add('/ip4/10.0.0.0/ipcidr/8')
  assert.deepEqual(filters.list(), ['/ip4/10.0.0.0/ipcidr/8'])
  filters.remove('/ip4/10.0.0.0/ipcidr/8')
  assert.ok(!filters.matches(multiaddr('/ip4/10.0.0.1/tcp/1')))
})

test('what is no mask is refused as a usage failure', () => {
  const broken = [
    '',
    '10.0.0.0/8',
    '/ip4/10.0.0.0',
    '/ip4/10.0.0.0/ipcidr/33',
    '/ip6/::/ipcidr/129',
    '/ip4/300.0.0.0/ipcidr/8',
  ]
  for (const text of broken) {
    assert.throws(
      () => new AddressFilters([text]),
      error => error instanceof Failure && error.kind === 'usage',
      text,
    )
  }
  assert.ok(isMask('/ip4/1.2.3.4/ipcidr/8'))
  assert.ok(!isMask('/ip4/1.2.3.4/tcp/8'))
})

test('the internet does not reach private networks, nor those of examples', () => {
  const reserved = unreachableNetworks()
  for (const ip of [
    '10.9.9.9',
    '100.64.0.1',
    '127.1.1.1',
    '169.254.1.1',
    '172.31.0.1',
    '192.168.0.1',
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.255',
  ]) {
    assert.ok(reserved.matches(multiaddr(`/ip4/${ip}/tcp/1`)), ip)
  }
  for (const ip of ['2001:db8:1::1', 'fe80::1', 'fd00::1', '::1'])
    assert.ok(reserved.matches(multiaddr(`/ip6/${ip}/tcp/1`)), ip)
  assert.ok(!reserved.matches(multiaddr('/ip6/2606:4700::1111/tcp/1')))
  for (const ip of ['8.8.8.8', '100.128.0.1', '172.32.0.1', '193.168.0.1', '192.0.3.1', '203.0.114.1']) {
    assert.ok(!reserved.matches(multiaddr(`/ip4/${ip}/tcp/1`)), ip)
  }
})
