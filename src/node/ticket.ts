import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { nameFromBytes, nameToBytes } from '../contract/surrogate-escape.ts'
import { decodeCbor, encodeCbor } from './dag-cbor.ts'
import type { DagValue } from './dag-model.ts'
import { baseByName, decodeMultibase, encodeMultibase } from './multibase.ts'

/** What `share` hands out: what is shared, and where it can be had. */
export interface Ticket {
  readonly root: CID
  /** An entry of the root; undefined: the root itself is shared. */
  readonly name: string | undefined
  readonly peer: string
  /** Multiaddrs, without the peer. */
  readonly addresses: readonly string[]
}

const VERSION = 1n
export const TICKET_ADDRESSES_MAX = 16
const TEXT_LENGTH_MAX = 8192

/**
 * Returns a ticket as text: the list `[1, CID, /p2p/PEER, [ADDRESS…], NAME]`, all of it bytes in their binary forms, the
 * name left out when there is none, as CBOR, in base64url with its multibase prefix.
 */
export function encodeTicket({ root, name, peer, addresses }: Ticket): string {
  const parts: DagValue[] = [VERSION, root.bytes, multiaddr(`/p2p/${peer}`).bytes, addresses.map(bytesOf)]
  if (name !== undefined) parts.push(nameToBytes(name))
  return encodeMultibase(baseByName('base64url'), encodeCbor(parts))
}

/** Returns what a text that looks like a ticket holds. Throws `usage` when it is none. */
export function decodeTicket(text: string): Ticket {
  try {
    if (text.length > TEXT_LENGTH_MAX) throw new Error('it is too long')
    return readTicket(decodeCbor(decodeMultibase(text).bytes))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('usage', `invalid ticket: ${reason}`, {
      hint: 'copy the whole line that tsipfs share has printed',
      cause: error,
    })
  }
}

function readTicket(value: DagValue): Ticket {
  if (!Array.isArray(value) || value[0] !== VERSION) throw new Error('another version of tsipfs made it')
  const [, root, peer, addresses, name] = value
  if (!isBytes(root) || !isBytes(peer) || !Array.isArray(addresses)) throw new Error('something is missing')
  if (addresses.length > TICKET_ADDRESSES_MAX) throw new Error('it has too many addresses')
  if (name !== undefined && !isBytes(name)) throw new Error('its name is none')
  const id = /^\/p2p\/([^/]+)$/.exec(multiaddr(peer).toString())?.[1]
  if (id === undefined) throw new Error('it names no peer')
  return {
    root: CID.decode(root),
    name: name === undefined ? undefined : entryName(nameFromBytes(name)),
    peer: id,
    addresses: addresses.map(address => {
      if (!isBytes(address)) throw new Error('an address is none')
      return multiaddr(address).toString()
    }),
  }
}

/** It becomes part of a path: only what can be an entry of a folder is taken. */
function entryName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw new Error('its name is none')
  return name
}

function bytesOf(address: string): Uint8Array {
  return multiaddr(address).bytes
}

function isBytes(value: DagValue | undefined): value is Uint8Array {
  return value instanceof Uint8Array
}
