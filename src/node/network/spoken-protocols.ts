import type { IdentifyResult, PeerId } from '@libp2p/interface'
import type { Components } from './parts.ts'

/** When a peer has not been identified for so long, what it was seen to speak is stored all the same. */
const UNIDENTIFIED_MS = 1_000

type Merge = (id: PeerId, data: object, options?: object) => Promise<unknown>

/**
 * Has libp2p store once that a peer speaks a protocol. It does so for each stream that is opened, at both ends, and waits
 * for it: the peer is read, decoded, encoded and written, which costs more than the stream. What a peer was identified
 * with is known, and what it is seen to speak before that it will say in a moment.
 */
export function storeProtocolsOnce({ peerStore, events, peerId: self }: Components): void {
  const merge: Merge = peerStore.merge.bind(peerStore)
  const spoken = new Map<string, Set<string>>()
  events.addEventListener('peer:identify', ({ detail }: CustomEvent<IdentifyResult>) => {
    spoken.set(detail.peerId.toString(), new Set(detail.protocols))
  })
  events.addEventListener('peer:disconnect', ({ detail }: CustomEvent<PeerId>) => {
    spoken.delete(detail.toString())
  })
  const seen = (id: PeerId, protocols: readonly string[]): void => {
    const known = spoken.get(id.toString())
    if (known !== undefined && protocols.every(protocol => known.has(protocol))) return
    const store = (): void => {
      const now = spoken.get(id.toString())
      if (protocols.every(protocol => now?.has(protocol))) return
      for (const protocol of protocols) now?.add(protocol)
      // A peer that is gone, or a node that is closing, needs it no longer.
      merge(id, { protocols }).catch(() => undefined)
    }
    if (known === undefined) setTimeout(store, UNIDENTIFIED_MS).unref()
    else store()
  }
  const quickly: Merge = async (id, data, options) => {
    const protocols = protocolsAlone(data)
    if (protocols === undefined || id.equals(self)) return await merge(id, data, options)
    seen(id, protocols)
    return undefined
  }
  Reflect.set(peerStore, 'merge', quickly)
}

/** Returns the protocols of what is to be stored, when it is nothing else. */
function protocolsAlone(data: object): readonly string[] | undefined {
  const protocols: unknown = Reflect.get(data, 'protocols')
  if (!Array.isArray(protocols) || Object.keys(data).length !== 1) return undefined
  return protocols.every(protocol => typeof protocol === 'string') ? protocols : undefined
}
