const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 5 * 60_000

/** Waits longer after each failure. */
export class BackOff {
  #ms = RETRY_MIN_MS
  #until = 0

  get isOver(): boolean {
    return Date.now() >= this.#until
  }

  delay(): void {
    this.#until = Date.now() + this.#ms
    this.#ms = Math.min(2 * this.#ms, RETRY_MAX_MS)
  }

  reset(): void {
    this.#ms = RETRY_MIN_MS
  }

  /** There is a reason to try again then; `isExact`: and no sooner. */
  retry(at: number, isExact: boolean): void {
    this.#until = isExact ? at : Math.min(this.#until, at)
  }
}
