import type { Socket } from 'node:net'
import type { Stream } from '@libp2p/interface'
import { whenEnded } from './stream-end.ts'

/**
 * Go's nodes know no tunnel of which one half has ended: they close both, read no more, and never say so. A peer that has
 * ended, and takes nothing of what it is sent for so long, is gone.
 */
const STALLED_MS = 60_000

/**
 * Copies between a stream of libp2p and a socket, both ways, until both have ended. Who reads slowly slows down who
 * writes. `done` never rejects.
 */
export function joinStreams(
  stream: Stream,
  socket: Socket,
  stalledMs: number = STALLED_MS,
): { done: Promise<void>; abort: () => void } {
  const done = Promise.withResolvers<void>()
  const abort = (): void => {
    stream.abort(new Error('closed'))
    socket.destroy()
    done.resolve()
  }
  const halves = { stream: false, socket: false }
  let socketHasEnded = false
  const ended = (half: 'stream' | 'socket'): void => {
    halves[half] = true
    if (halves.stream && halves.socket) done.resolve()
  }
  fromStream(stream, socket, () => ended('stream'))
  fromSocket(stream, socket, () => ended('socket'))
  abortWhenStalled(stream, () => halves.stream, abort, stalledMs)
  socket.once('end', () => (socketHasEnded = true))
  stream.addEventListener('close', event => {
    if (event.error !== undefined) abort()
  })
  socket.on('error', abort)
  socket.on('close', hadError => {
    // What it had said before may still be on its way through the stream.
    if (hadError || !socketHasEnded) abort()
  })
  return { done: done.promise, abort }
}

function fromStream(stream: Stream, socket: Socket, ended: () => void): void {
  let paused = false
  stream.addEventListener('message', ({ data }) => {
    if (!socket.writable || socket.write(data.subarray())) return
    paused = true
    pause(stream)
  })
  socket.on('drain', () => {
    if (!paused) return
    paused = false
    resume(stream)
  })
  // Comes when the other end has finished and all that it sent has been read.
  whenEnded(stream, () => {
    socket.end()
    ended()
  })
}

function fromSocket(stream: Stream, socket: Socket, ended: () => void): void {
  socket.on('data', (data: Uint8Array) => {
    try {
      if (!stream.send(data)) socket.pause()
    } catch {
      // The stream has been closed for writing: nobody is there to take it.
      socket.destroy()
    }
  })
  stream.addEventListener('drain', () => socket.resume())
  socket.once('end', () => {
    void stream
      .close()
      .catch(() => undefined)
      .finally(ended)
  })
  socket.resume()
}

function abortWhenStalled(stream: Stream, hasEnded: () => boolean, abort: () => void, stalledMs: number): void {
  let waitingFor = -1
  const timer = setInterval(() => {
    const unsent = stream.writeBufferLength
    if (hasEnded() && unsent > 0 && unsent === waitingFor) abort()
    waitingFor = unsent
  }, stalledMs)
  timer.unref()
  stream.addEventListener('close', () => clearInterval(timer))
}

function pause(stream: Stream): void {
  try {
    stream.pause()
  } catch {
    // It has ended already: there is nothing to hold back.
  }
}

function resume(stream: Stream): void {
  try {
    stream.resume()
  } catch {
    // It has ended already.
  }
}
