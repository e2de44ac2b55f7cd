import { chmod, lstat, mkdir, rm, rmdir, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { dirname } from 'node:path'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Door } from './guard.ts'
import { isSocketPath, socketPlaces } from './socket-place.ts'

/** Bytes of a request's line and headers. */
const HEADER_BYTES_MAX = 256 * 1024
const HEADERS_TIMEOUT_MS = 30_000
/** Time that a connection may wait for its next request. */
const IDLE_TIMEOUT_MS = 65_000
const CONNECTIONS_MAX = 4_096
const KEEP_ALIVE_PROBE_MS = 60_000
/** Time that requests have to come to their end when the server stops. */
const STOP_TIMEOUT_MS = 2_000

/** A server that listens. */
export interface Listening {
  /** Where, as a multiaddr; port 0 is the port that was given. */
  readonly address: string
  close(): Promise<void>
}

/** Listens on the own socket of a repo's daemon, which only its user can reach. The caller holds the daemon's lock. */
export async function listenOwn(
  repoPath: string,
  listener: (door: Door) => RequestListener,
  upgraded?: (request: IncomingMessage, socket: Socket) => void,
): Promise<Listening> {
  const user = process.getuid?.() ?? 0
  const [place] = socketPlaces(repoPath, process.env, user)
  if (place === undefined) {
    throw new Failure('failed', 'no place is left for the socket of the daemon: all paths are too long', {
      hint: 'set XDG_RUNTIME_DIR or TMPDIR to a short path',
    })
  }
  if (place.folder !== repoPath) await ownFolder(place.folder, user)
  const listening = await listenUnix(place.path, listener({ isOwn: true, port: undefined }), upgraded)
  return {
    address: listening.address,
    async close() {
      await listening.close()
      // A short folder that was made for the socket goes with it.
      if (place.folder !== repoPath) await rmdir(place.folder).catch(() => undefined)
    },
  }
}

/** Listens on an address of the config: `/ip4/…/tcp/…`, `/ip6/…/tcp/…`, `/dns4/localhost/tcp/…` or `/unix/…`. */
export async function listenAt(address: string, listener: (door: Door) => RequestListener): Promise<Listening> {
  if (address.startsWith('/unix/')) {
    const path = address.slice('/unix'.length)
    if (!isSocketPath(path)) throw new Failure('failed', `${address}: the path is too long for a socket`)
    return await listenUnix(path, listener({ isOwn: false, port: undefined }))
  }
  const match = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/http)?$/.exec(address)
  if (match === null) {
    throw new Failure('failed', `cannot listen on "${address}"`, { hint: 'write it like /ip4/127.0.0.1/tcp/5001' })
  }
  const [, protocol, host = '', port] = match
  const door = { isOwn: false, port: undefined as number | undefined }
  const server = makeServer(listener(door))
  await listening(server, { host, port: Number(port), ipv6Only: protocol === 'ip6' }, address)
  door.port = (server.address() as AddressInfo).port
  return { address: `/${protocol}/${host}/tcp/${door.port}`, close: () => stop(server) }
}

async function listenUnix(
  path: string,
  listener: RequestListener,
  upgraded?: (request: IncomingMessage, socket: Socket) => void,
): Promise<Listening> {
  // What a killed daemon left would be in the way; that none lives is what the daemon's lock says.
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSocket() === true) await unlink(path)
  const server = makeServer(listener)
  if (upgraded !== undefined) server.on('upgrade', (request, socket) => upgraded(request, socket as Socket))
  await listening(server, { path }, path)
  await chmod(path, 0o600)
  return {
    address: `/unix${path}`,
    async close() {
      await stop(server)
      await rm(path, { force: true })
    },
  }
}

async function ownFolder(folder: string, user: number): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(error => {
    if (errorCode(error) !== 'EEXIST') throw systemFailure(error, folder)
  })
  const stat = await lstat(folder)
  if (!stat.isDirectory() || stat.uid !== user || (stat.mode & 0o077) !== 0) {
    throw new Failure('failed', `${folder}: not a folder of yours alone`, {
      hint: `remove it, or set XDG_RUNTIME_DIR to a folder other than ${dirname(folder)}`,
    })
  }
}

function makeServer(listener: RequestListener): Server {
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, keepAlive: true }, listener)
  server.headersTimeout = HEADERS_TIMEOUT_MS
  // An upload may take as long as it needs: it can come from a pipe. A peer that is gone is found by the kernel's probes.
  server.requestTimeout = 0
  server.keepAliveTimeout = IDLE_TIMEOUT_MS
  server.maxConnections = CONNECTIONS_MAX
  server.on('connection', socket => socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS))
  return server
}

function listening(
  server: Server,
  where: { path: string } | { host: string; port: number; ipv6Only: boolean },
  name: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const failure = systemFailure(error, name)
      reject(
        errorCode(error) === 'EADDRINUSE'
          ? new Failure('failed', `${name}: address already in use`, {
              hint: 'another daemon listens there: change Addresses.API or Addresses.Gateway in the config',
              cause: error,
            })
          : failure,
      )
    })
    server.listen(where, resolve)
  })
}

/** Takes no more connections, gives requests a moment to end, then cuts them off. */
async function stop(server: Server): Promise<void> {
  await new Promise<void>(resolve => {
    const cut = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
