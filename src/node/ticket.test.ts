import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { looksLikeTicket } from '../cli/tickets.ts'
import { encodeCbor } from './dag-cbor.ts'
import { baseByName, encodeMultibase } from './multibase.ts'
import { decodeTicket, encodeTicket } from './ticket.ts'

const ROOTS = [
  'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
  'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354',
  'bafkqaaa',
]
const PEER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

test('a ticket comes back as it was, and is told from a CID', () => {
  for (const root of ROOTS) {
    for (const name of [undefined, 'a b.txt', 'ä\udcff']) {
      const addresses = ['/ip4/192.0.2.7/tcp/4001', '/dns4/example.org/tcp/443/ws']
      const ticket = { root: CID.parse(root), name, peer: PEER, addresses }
      const text = encodeTicket(ticket)
      assert.deepEqual(decodeTicket(text), ticket)
      assert.equal(looksLikeTicket(text), true)
      assert.equal(looksLikeTicket(root), false)
      assert.throws(() => decodeTicket(text.slice(0, -4)), /invalid ticket/)
    }
  }
  assert.equal(looksLikeTicket(CID.parse(ROOTS[1] ?? '').toString()), false)
})

test('what is no entry of a folder is no name', () => {
  const ticket = { root: CID.parse(ROOTS[1] ?? ''), peer: PEER, addresses: [] }
  for (const name of ['..', '.', '', 'a/b', 'a\0']) {
    assert.throws(() => decodeTicket(encodeTicket({ ...ticket, name })), /its name is none/)
  }
})

test('other lists are no tickets', () => {
  for (const value of [[2n], [1n, 'x'], [1n, new Uint8Array(3), new Uint8Array(3), []], 7n]) {
    assert.throws(() => decodeTicket(encodeMultibase(baseByName('base64url'), encodeCbor(value))), /invalid ticket/)
  }
})
