import type { Stream } from '@libp2p/interface'

/**
 * Has work done once the other side of a stream has finished, and all that it sent was read. libp2p says so by `end`,
 * but when the first bytes and the last came together with the choice of the protocol it says so before anybody
 * listens, and hands the bytes out later.
 */
export function whenEnded(stream: Stream, work: () => void): void {
  let done = false
  const finish = (): void => {
    if (done) return
    done = true
    work()
  }
  stream.addEventListener('end', finish)
  if (!stream.readableEnded) return
  if (stream.readBufferLength === 0) queueMicrotask(finish)
  else {
    stream.addEventListener('message', () => {
      if (stream.readBufferLength === 0) queueMicrotask(finish)
    })
  }
}
