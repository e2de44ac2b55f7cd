import type { Socket } from 'node:net'

const CONNECT_TIMEOUT_MS = 2_000

/** Is told what happens on a connection. */
export interface SocketListener {
  data(bytes: Uint8Array): void
  /** Is called once, when nothing more comes. */
  close(): void
}

/** A connection to the socket of a daemon on this machine. */
export interface OwnSocket {
  readonly destroyed: boolean
  /** Hands what comes in to this listener from now on, and what came while there was none at once. */
  listen(listener: SocketListener): void
  /** `taken` is called when the bytes were handed on, and may be used again. */
  write(bytes: Uint8Array, taken?: () => void): void
  /** Closes the connection when all that was written is on its way. */
  end(): void
  destroy(): void
}

/**
 * Connects to the socket at a path; undefined when nobody listens there. Where Bun runs us it is a connection of Bun's
 * own: to load `node:net` takes longer than all the rest of a small command.
 */
export async function connectOwn(path: string): Promise<OwnSocket | undefined> {
  return await (typeof Bun === 'undefined' ? connectNode(path) : connectBun(Bun, path))
}

/** Keeps what comes in until somebody listens. */
class Inbox {
  #listener: SocketListener | undefined
  #early: Uint8Array[] = []
  isClosed = false

  listen(listener: SocketListener): void {
    this.#listener = listener
    for (const bytes of this.#early.splice(0)) listener.data(bytes)
    if (this.isClosed) listener.close()
  }

  data(bytes: Uint8Array): void {
    if (this.#listener === undefined) this.#early.push(Uint8Array.prototype.slice.call(bytes))
    else this.#listener.data(bytes)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#listener?.close()
  }
}

class NodeSocket implements OwnSocket {
  readonly #socket: Socket
  readonly #inbox = new Inbox()

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#inbox.data(chunk as Uint8Array))
    socket.on('close', () => this.#inbox.close())
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  listen(listener: SocketListener): void {
    this.#inbox.listen(listener)
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    this.#socket.write(bytes, taken)
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

async function connectNode(path: string): Promise<OwnSocket | undefined> {
  const { connect } = await import('node:net')
  return await new Promise(resolve => {
    const socket = connect(path)
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy())
    socket.once('connect', () => {
      socket.setTimeout(0)
      resolve(new NodeSocket(socket))
    })
    // What is refused, or cut off later, is closed.
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(undefined))
  })
}

/** A connection of Bun's own. */
interface BunConnection {
  /** Returns how many bytes were taken; less than none when it is closed. */
  write(bytes: Uint8Array): number
  end(): void
  terminate(): void
}

interface BunHandlers {
  data(connection: BunConnection, bytes: Uint8Array): void
  drain(connection: BunConnection): void
  close(connection: BunConnection): void
  error(connection: BunConnection, error: unknown): void
}

interface BunRuntime {
  connect(options: { readonly unix: string; readonly socket: BunHandlers }): Promise<BunConnection>
}

declare const Bun: BunRuntime | undefined

interface Waiting {
  readonly bytes: Uint8Array
  readonly taken: (() => void) | undefined
}

class BunSocket implements OwnSocket {
  #connection: BunConnection | undefined
  readonly #inbox = new Inbox()
  readonly #waiting: Waiting[] = []
  #isEnding = false
  readonly handlers: BunHandlers = {
    data: (_, bytes) => this.#inbox.data(bytes),
    drain: () => this.#writeWaiting(),
    close: () => this.#inbox.close(),
    // It is closed after that.
    error: () => undefined,
  }

  opened(connection: BunConnection): this {
    this.#connection = connection
    return this
  }

  get destroyed(): boolean {
    return this.#inbox.isClosed
  }

  listen(listener: SocketListener): void {
    this.#inbox.listen(listener)
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    this.#waiting.push({ bytes, taken })
    if (this.#waiting.length === 1) this.#writeWaiting()
  }

  #writeWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { bytes, taken } = next
      const count = this.destroyed ? -1 : (this.#connection?.write(bytes) ?? -1)
      if (count < 0) {
        this.#waiting.length = 0
        return
      }
      if (count < bytes.length) {
        this.#waiting[0] = { bytes: bytes.subarray(count), taken }
        return
      }
      this.#waiting.shift()
      if (taken !== undefined) queueMicrotask(taken)
    }
    if (this.#isEnding) this.#connection?.end()
  }

  end(): void {
    this.#isEnding = true
    if (this.#waiting.length === 0) this.#connection?.end()
  }

  destroy(): void {
    this.#waiting.length = 0
    this.#connection?.terminate()
  }
}

async function connectBun(bun: BunRuntime, path: string): Promise<OwnSocket | undefined> {
  const socket = new BunSocket()
  try {
    return socket.opened(await bun.connect({ unix: path, socket: socket.handlers }))
  } catch {
    // Nobody is there, or it is not for us.
    return undefined
  }
}
