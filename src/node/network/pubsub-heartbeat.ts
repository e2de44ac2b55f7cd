const BEAT_MS = 1_000
const SLOW_BEAT_MS = 60_000
/** Heartbeats after the last thing that happened: for so many a message is kept for those who ask again, and one more. */
const BEATS_AFTER = 7

/** How soon a heartbeat has something to do, if nothing happens before: each second, now and then, or never. */
export type Pace = 'fast' | 'slow' | 'none'

/**
 * Runs heartbeats while they have something to do. A daemon whose peers talk of nothing sleeps: each tick of a timer costs
 * more than what it does, as everything has left the caches of the processor by then.
 */
export class Heartbeat {
  readonly #beat: () => Promise<void>
  readonly #pace: () => Pace
  #timer: NodeJS.Timeout | undefined
  #isSlow = false
  #left = 0
  #isStopped = false

  /** `pace` is asked after each heartbeat. */
  constructor(beat: () => Promise<void>, pace: () => Pace) {
    this.#beat = beat
    this.#pace = pace
  }

  /** Says that something has happened that the next heartbeats look after. It costs nothing while they run. */
  wake(): void {
    this.#left = BEATS_AFTER
    if (this.#timer === undefined || this.#isSlow) this.#schedule('fast')
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #schedule(pace: Pace): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#isStopped || pace === 'none') return
    this.#isSlow = pace === 'slow'
    this.#timer = setTimeout(() => void this.#run(), this.#isSlow ? SLOW_BEAT_MS : BEAT_MS)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    this.#left = Math.max(0, this.#left - 1)
    try {
      await this.#beat()
    } catch {
      // What it looks after is looked after again by the next one.
    }
    this.#schedule(this.#left > 0 ? 'fast' : this.#pace())
  }
}
