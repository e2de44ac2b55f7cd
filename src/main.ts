import { fstatSync, read, readFileSync } from 'node:fs'
import { run } from './cli/run.ts'
import { closedSink, descriptorSink } from './cli/sinks.ts'
import { Failure } from './contract/failure.ts'
import type { Io } from './contract/io.ts'
import { compileSoon } from './contract/jit.ts'
import { nameFromBytes } from './contract/surrogate-escape.ts'

const STDIN_CHUNK_BYTES = 256 * 1024

/**
 * Yields standard input by asynchronous reads, so that a paused pipe blocks nothing. Whoever is done with a piece may give
 * it back when asking for the next: its memory is then used again.
 */
async function* standardInput(signal: AbortSignal): AsyncGenerator<Uint8Array, void, Uint8Array | undefined> {
  let spare: Buffer | undefined
  for (;;) {
    signal.throwIfAborted()
    const buffer = spare ?? Buffer.allocUnsafeSlow(STDIN_CHUNK_BYTES)
    const length = await new Promise<number>((resolve, reject) => {
      const abort = (): void => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      read(0, buffer, 0, buffer.length, null, (error, count) => {
        signal.removeEventListener('abort', abort)
        if (error === null || error.code === 'EOF') resolve(error === null ? count : 0)
        else if (error.code === 'EAGAIN') setTimeout(resolve, 5, -1)
        else reject(new Failure('failed', `cannot read standard input: ${error.message}`, { cause: error }))
      })
    })
    if (length === 0) return
    const back = length > 0 ? yield buffer.subarray(0, length) : undefined
    spare = back?.buffer === buffer.buffer ? buffer : undefined
  }
}

/** The runtime turns bytes of argv that are not UTF-8 into U+FFFD; the kernel still knows them. */
function argumentsOf(args: readonly string[]): readonly string[] {
  if (process.platform !== 'linux' || !args.some(word => word.includes('\ufffd'))) return args
  try {
    const words = nameFromBytes(readFileSync('/proc/self/cmdline')).split('\0').slice(0, -1)
    return words.slice(-args.length)
  } catch {
    // Without /proc the names stay as the runtime gave them.
    return args
  }
}

/** Loading `node:tty` takes longer than all the rest: in scripts a look at the descriptor says that there is no terminal. */
async function isTerminalAt(descriptor: number): Promise<boolean> {
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isCharacterDevice() || stat.rdev === NULL_DEVICE) return false
  } catch {
    // Nothing is open there.
    return false
  }
  const { isatty } = await import('node:tty')
  return isatty(descriptor)
}

/** The number of /dev/null on Linux. */
const NULL_DEVICE = 0x103

function columnsOf(): number {
  const columns = process.stderr.isTTY ? process.stderr.columns : process.stdout.isTTY ? process.stdout.columns : 80
  return columns > 0 ? columns : 80
}

function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (kind: 'interrupted' | 'terminated'): void => {
    // The second signal does not wait for anything.
    if (controller.signal.aborted) process.exit(kind === 'interrupted' ? 130 : 143)
    controller.abort(new Failure(kind, kind))
  }
  process.on('SIGINT', () => stop('interrupted'))
  process.on('SIGTERM', () => stop('terminated'))
  process.on('SIGHUP', () => stop('terminated'))
  return controller.signal
}

/** The executable is built with a JIT that hesitates (scripts/build-flags.mjs): after so much work more is worth compiling. */
const SMALL_COMMAND_MS = 200

function compileWhenItLasts(): void {
  const look = (delayMs: number): void => {
    const { user, system } = process.cpuUsage()
    if ((user + system) / 1000 >= SMALL_COMMAND_MS) compileSoon()
    // It waited, for the network or for its turn on a busy machine.
    else setTimeout(look, delayMs, 2 * delayMs).unref()
  }
  setTimeout(look, SMALL_COMMAND_MS, SMALL_COMMAND_MS).unref()
}

compileWhenItLasts()
const signal = stopSignal()
const isTerminal = { in: await isTerminalAt(0), out: await isTerminalAt(1), err: await isTerminalAt(2) }
const io: Io = {
  args: argumentsOf(process.argv.slice(2)),
  env: process.env,
  cwd: process.cwd(),
  stdin: standardInput(signal),
  out: process.env.TSIPFS_STDOUT === 'closed' ? closedSink('standard output') : descriptorSink(1, 'standard output'),
  err: descriptorSink(2, 'standard error'),
  terminal: {
    ...isTerminal,
    get columns() {
      return isTerminal.out || isTerminal.err ? columnsOf() : 80
    },
  },
  signal,
  endsWithCommand: true,
}
// Everything was written and closed by now; what still keeps the process alive (a pending read of a terminal, a socket
// that libp2p forgot) must not.
process.exit(await run(io))
