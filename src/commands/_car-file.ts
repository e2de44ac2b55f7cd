import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Caller } from '../contract/command.ts'
import { Failure, systemFailure } from '../contract/failure.ts'
import type { CarBytes } from '../node/importer/add-record.ts'

interface CarRecord {
  readonly Car?: string | CarBytes
}

/**
 * Takes the pieces of a CAR out of what comes, and saves them as a file, which appears when it is complete; hands on the
 * rest. Throws when there was no CAR.
 */
export async function* saveCar<R extends CarRecord>(
  outputs: AsyncIterable<R>,
  shown: string,
  { io, signal }: Caller,
): AsyncGenerator<R> {
  const path = resolve(io.cwd, shown)
  checkPlace(path, shown)
  const { GetTarget } = await import('../node/get-target.ts')
  const iterator = outputs[Symbol.asyncIterator]()
  let isSaved = false
  try {
    let next = await iterator.next()
    while (next.done !== true) {
      if (next.value.Car === undefined) {
        yield next.value
        next = await iterator.next()
        continue
      }
      using target = new GetTarget(path, shown, { noClobber: false, signal })
      const run = new CarRun(iterator, next)
      await target.addBytes(run.pieces())
      isSaved = true
      next = run.rest
    }
  } finally {
    await iterator.return?.()
  }
  if (!isSaved) throw new Failure('failed', `the node sent no CAR: ${shown} was not written`)
}

/** The records that hold pieces, and the first one behind them. */
class CarRun<R extends CarRecord> {
  readonly #iterator: AsyncIterator<R>
  rest: IteratorResult<R>

  constructor(iterator: AsyncIterator<R>, first: IteratorResult<R>) {
    this.#iterator = iterator
    this.rest = first
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    for (; this.rest.done !== true && this.rest.value.Car !== undefined; this.rest = await this.#iterator.next()) {
      const { Car } = this.rest.value
      yield typeof Car === 'string' ? Buffer.from(Car, 'base64') : Car.bytes
    }
  }
}

/** Throws before anything is read when the file cannot be there. */
function checkPlace(path: string, shown: string): void {
  try {
    if (!statSync(dirname(path)).isDirectory()) throw new Failure('failed', `${dirname(shown)} is not a directory`)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new Failure('failed', `${shown} is a directory`, { hint: 'name a file' })
    }
  } catch (error) {
    throw systemFailure(error, shown)
  }
}
