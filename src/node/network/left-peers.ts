/** Peers that are remembered; who comes when there are so many takes the place of the first. */
const PEERS_MAX = 1_024

/**
 * Peers that the user has disconnected. Work that began before then, and that nobody waits for, must not connect to them
 * again.
 */
export class LeftPeers {
  readonly #peers = new Set<string>()

  has(peer: { toString(): string }): boolean {
    return this.#peers.has(peer.toString())
  }

  leave(peer: { toString(): string }): void {
    this.#peers.add(peer.toString())
    const [first] = this.#peers
    if (this.#peers.size > PEERS_MAX && first !== undefined) this.#peers.delete(first)
  }

  /** The peer is connected again, by whomever. */
  meet(peer: { toString(): string }): void {
    this.#peers.delete(peer.toString())
  }
}
