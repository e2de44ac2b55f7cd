import { createHash } from 'node:crypto'
import { Breath } from '../../repo/pause.ts'

/**
 * The keyspace of the DHT, in which peers and blocks lie at the SHA-256 of their names, and near is what shares a long
 * prefix. One lookup finds all peers around a key; so what lies near it needs no lookup of its own.
 * https://github.com/libp2p/specs/tree/master/kad-dht
 */

/** Longer prefixes are not looked for: networks of a million peers need seventeen bits. */
const PREFIX_BITS_MAX = 20
/** For one region. */
const LOOKUPS_MAX = 12
const KEY_BITS = 256

/** A place in the keyspace. */
export type Place = Uint8Array

/** A peer that a lookup has found. */
export interface Neighbour<P> {
  readonly id: string
  readonly place: Place
  readonly peer: P
}

/** Returns the peers that are closest to the place of a name, at most as many as records are kept by. */
export type Lookup<P> = (name: Uint8Array) => Promise<readonly Neighbour<P>[]>

/** A part of the keyspace, all of whose peers are known. */
export interface Region<P> {
  /** A place in it; all others share so many bits with it. */
  readonly place: Place
  readonly bits: number
  readonly peers: readonly Neighbour<P>[]
  /** Lookups that were made. */
  readonly lookups: number
}

/** Returns where a name (a multihash, a peer id in bytes) lies. */
export function placeOf(name: Uint8Array): Place {
  return createHash('sha256').update(name).digest()
}

/** Returns how many bits two places share from the left. */
export function sharedBits(one: Place, other: Place): number {
  for (let at = 0; at < one.length; at++) {
    const difference = (one[at] ?? 0) ^ (other[at] ?? 0)
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return KEY_BITS
}

/** Returns the first bits of a place as text. */
export function prefixText(place: Place, bits: number): string {
  let text = ''
  for (let at = 0; at < bits; at++) text += ((place[at >> 3] ?? 0) >> (7 - (at & 7))) & 1
  return text
}

/** Returns where a place lies between the beginning of the keyspace, 0, and its end, 1. */
export function fractionOf(place: Place): number {
  let value = 0
  for (let at = 0; at < 6; at++) value = value * 256 + (place[at] ?? 0)
  return value / 2 ** 48
}

/**
 * Finds the region around the place of a name: as small as can be with enough peers in it to keep a record (`enough`),
 * each of which is found. In a network with fewer peers it is the whole keyspace.
 */
export async function exploreRegion<P>(name: Uint8Array, lookup: Lookup<P>, enough: number): Promise<Region<P>> {
  const place = placeOf(name)
  const found = await lookup(name)
  const peers = new Map(found.map(peer => [peer.id, peer]))
  if (found.length < enough) return { place, bits: 0, peers: [...peers.values()], lookups: 1 }
  // Whoever shares more bits than the farthest that was found is among them: that half of the region is known.
  const bits = knownFrom(place, found)
  const unknown = [{ place: flipped(place, bits), bits: bits + 1 }]
  let lookups = 1
  for (let part = unknown.pop(); part !== undefined && lookups < LOOKUPS_MAX; part = unknown.pop()) {
    const target = await nameAt(part.place, part.bits)
    if (target === undefined) break
    lookups += 1
    const near = await lookup(target)
    for (const peer of near) if (sharedBits(peer.place, place) >= bits) peers.set(peer.id, peer)
    if (near.length < enough) continue
    const at = placeOf(target)
    const until = knownFrom(at, near)
    for (let bit = part.bits; bit <= until; bit++) unknown.push({ place: flipped(at, bit), bits: bit + 1 })
  }
  return { place, bits, peers: [...peers.values()], lookups }
}

/** Returns how many bits the farthest of the peers shares with a place: all that share more are known. */
function knownFrom<P>(place: Place, peers: readonly Neighbour<P>[]): number {
  return peers.reduce((least, peer) => Math.min(least, sharedBits(place, peer.place)), KEY_BITS - 1)
}

function flipped(place: Place, bit: number): Place {
  const other = Uint8Array.from(place)
  other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
  return other
}

/** Returns a name whose place begins with so many bits of `place`; undefined where trying would take too long. */
async function nameAt(place: Place, bits: number): Promise<Uint8Array | undefined> {
  if (bits > PREFIX_BITS_MAX) return undefined
  const name = new Uint8Array(34)
  name.set([0x12, 0x20])
  crypto.getRandomValues(name.subarray(2))
  const view = new DataView(name.buffer)
  const breath = new Breath()
  for (let count = 0; count < 2 ** (bits + 6); count++) {
    view.setUint32(30, count)
    if (sharedBits(placeOf(name), place) >= bits) return name
    // Peers that lie close together, by chance or on purpose, make for a million tries.
    if ((count & 0xff) === 0) await breath.take()
  }
  return undefined
}

/** Returns true for places in a region. */
export function isIn<P>(region: Region<P>, place: Place): boolean {
  return sharedBits(region.place, place) >= region.bits
}

/** Returns the peers of a region that keep the record of a key: so many that are closest. */
export function keepersOf<P>({ peers }: Region<P>, place: Place, enough: number): readonly Neighbour<P>[] {
  if (peers.length <= enough) return peers
  return [...peers].sort((one, other) => compareDistance(place, one.place, other.place)).slice(0, enough)
}

/** Compares how far two places are from a third. */
export function compareDistance(place: Place, one: Place, other: Place): number {
  for (let at = 0; at < place.length; at++) {
    const difference = ((one[at] ?? 0) ^ (place[at] ?? 0)) - ((other[at] ?? 0) ^ (place[at] ?? 0))
    if (difference !== 0) return difference
  }
  return 0
}
