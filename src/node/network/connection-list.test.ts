import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listConnectionsOnce } from './connection-list.ts'
import type { Components } from './parts.ts'

test('all connections are listed, each once, and those of one peer as before', () => {
  const map = new Map([
    ['a', [1, 2]],
    ['b', []],
    ['c', [3]],
  ])
  const connectionManager = {
    getConnectionsMap: () => map,
    getConnections: (peer?: string): unknown[] => (peer === undefined ? ['slow'] : (map.get(peer) ?? [])),
  }
  listConnectionsOnce({ connectionManager } as unknown as Components)
  assert.deepEqual(connectionManager.getConnections(), [1, 2, 3])
  assert.deepEqual(connectionManager.getConnections('a'), [1, 2])
  assert.deepEqual(connectionManager.getConnections('nobody'), [])
  map.delete('a')
  assert.deepEqual(connectionManager.getConnections(), [3])
})
