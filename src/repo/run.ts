import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { type Layout, SLOTS_MAX, slotEpochFile, slotLockFile } from './layout.ts'
import { KernelLock } from './locks.ts'
import type { Waiting } from './roles.ts'
import type { State } from './state.ts'

const EPOCH_DIGITS = 16

/**
 * A run that writes: it holds a slot, the lowest that was free, until it ends. The lock on the slot says two things:
 * that the run lives, and that it alone may append to the slot's packs. Beside the lock lies the epoch at which the run
 * began: garbage collection leaves alone what carries this epoch or a later one.
 */
export class Run implements Disposable {
  readonly slot: number
  readonly #layout: Layout
  readonly #lock: KernelLock
  #epoch: number

  private constructor(layout: Layout, slot: number, lock: KernelLock) {
    this.slot = slot
    this.#layout = layout
    this.#lock = lock
    this.#epoch = 0
  }

  /** Takes a slot. */
  static async begin(layout: Layout, state: State, options: Waiting = {}): Promise<Run> {
    for (let slot = 0; slot < SLOTS_MAX; slot++) {
      const lock = KernelLock.tryExclusive(slotLockFile(layout, slot))
      if (lock === undefined) continue
      const run = new Run(layout, slot, lock)
      try {
        await run.renew(state, options)
        return run
      } catch (error) {
        lock[Symbol.dispose]()
        throw error
      }
    }
    throw new Failure('locked', 'too many commands write to the repo at once')
  }

  /** What this run writes, meets or protects carries this number. */
  get epoch(): number {
    return this.#epoch
  }

  /** Moves the run to the present epoch: what it has touched so far is kept by pins and roots alone from now on. */
  async renew(state: State, options: Waiting = {}): Promise<void> {
    const epoch = await state.read(() => state.counter('epoch'), options)
    if (epoch === this.#epoch) return
    // Read before it is written, and written without a flush: a stale number is smaller, so it keeps more.
    writeEpoch(slotEpochFile(this.#layout, this.slot), epoch)
    this.#epoch = epoch
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]()
  }
}

function writeEpoch(file: string, epoch: number): void {
  const text = `${String(epoch).padStart(EPOCH_DIGITS, '0')}\n`
  try {
    // Not cut first: a reader finds the old number or the new one, never half of it.
    const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT, 0o600)
    try {
      writeSync(fd, text, 0)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw systemFailure(error, file)
  }
}

/** Returns the epoch of the run that holds a slot; 0, which keeps everything, when it cannot be told. */
export function readEpoch(layout: Layout, slot: number): number {
  try {
    const match = /^(\d{16})\n$/.exec(readFileSync(slotEpochFile(layout, slot), 'latin1'))
    return match === null ? 0 : Number(match[1])
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw systemFailure(error, slotEpochFile(layout, slot))
  }
}
