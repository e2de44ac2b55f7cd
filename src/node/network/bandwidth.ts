import type { Bandwidth } from './network.ts'

/** Counts the bytes that go in and out. */
export class BandwidthCounter {
  read(_filter: { peer?: string; protocol?: string } = {}): Bandwidth {
    return { totalIn: 0, totalOut: 0, rateIn: 0, rateOut: 0 }
  }
}
