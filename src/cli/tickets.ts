import type { Command } from '../contract/command.ts'
import type { Parsed } from './parse.ts'

/** The list of a ticket, with or without a name, as its first bytes stand in base64url. */
const TICKET = /^uh[AQ]F[A-Za-z0-9_-]{20,}(?=\/|$)/

/** Returns true for a text that can only be a ticket of `tsipfs share`, or a path below one. */
export function looksLikeTicket(text: unknown): text is string {
  return typeof text === 'string' && TICKET.test(text)
}

/** What an argument says once its tickets have been opened. */
export interface Opened {
  readonly parsed: Parsed
  /** Multiaddrs of the peers that have it. */
  readonly peers: readonly string[]
}

/** Puts the path that a ticket stands for in the place of each ticket among the arguments that take a CID. */
export async function openTickets(command: Pick<Command, 'params'>, parsed: Parsed): Promise<Opened> {
  const peers: string[] = []
  const input: Record<string, unknown> = { ...parsed.input }
  for (const [key, param] of Object.entries(command.params)) {
    if (param.place !== 'argument' || param.complete !== 'cid') continue
    const value = input[key]
    const words: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (!words.some(looksLikeTicket)) continue
    const { decodeTicket } = await import('../node/ticket.ts')
    const paths = words.map(word => {
      const text = looksLikeTicket(word) ? TICKET.exec(word)?.[0] : undefined
      if (text === undefined) return word
      const { root, name, peer, addresses } = decodeTicket(text)
      peers.push(...addresses.map(address => `${address}/p2p/${peer}`))
      return `/ipfs/${root}${name === undefined ? '' : `/${name}`}${String(word).slice(text.length)}`
    })
    input[key] = Array.isArray(value) ? paths : paths[0]
  }
  return { parsed: peers.length === 0 ? parsed : { ...parsed, input }, peers }
}
