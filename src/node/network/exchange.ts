import { Failure } from '../../contract/failure.ts'
import type { Exchange } from '../exchange.ts'
import type { BitswapView, ExchangeOptions, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'

/** Blocks between this node and others. */
export interface NetworkExchange {
  readonly bitswap: BitswapView
  openExchange(options?: ExchangeOptions): Exchange
}

/** Returns the exchange on a node that has started: Bitswap, with the providers that routing finds. */
export async function createExchange(_context: PartContext, _routing: Routing): Promise<Part<NetworkExchange>> {
  const refuse = (): never => {
    throw new Failure('failed', 'this build has no exchange yet')
  }
  return { bitswap: { stat: refuse, wantlist: refuse, ledger: refuse }, openExchange: refuse }
}
