import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The kernel keeps so many bytes of a socket's path, its final NUL included. */
const SOCKET_PATH_BYTES_MAX = 108

/** Returns true when a socket can have this path. */
export function isSocketPath(path: string): boolean {
  return Buffer.byteLength(path) < SOCKET_PATH_BYTES_MAX
}

/**
 * Returns where the own socket of a repo's daemon may be, the right place first: in the repo, or, when that path is too
 * long, in a short folder that belongs to the user and is named after the repo.
 */
export function socketPlaces(
  repoPath: string,
  env: Readonly<Record<string, string | undefined>>,
  user: number,
): { readonly folder: string; readonly path: string }[] {
  const own = placeIn(repoPath)
  if (isSocketPath(own.path)) return [own]
  // Loaded for the few whose paths are long.
  const { createHash } = process.getBuiltinModule('node:crypto')
  const name = createHash('sha256').update(repoPath).digest('hex').slice(0, 16)
  const runtime = env.XDG_RUNTIME_DIR
  const folders = [
    ...(runtime?.startsWith('/') ? [join(runtime, `tsipfs-${name}`)] : []),
    join(tmpdir(), `tsipfs-${user}-${name}`),
  ]
  return folders.map(placeIn).filter(({ path }) => isSocketPath(path))
}

function placeIn(folder: string): { readonly folder: string; readonly path: string } {
  return { folder, path: join(folder, 'api.sock') }
}
