import { Failure } from '../../contract/failure.ts'

/**
 * Returns an MFS path as Go's `path.Clean` makes it, its trailing slash kept. Throws a `usage` Failure when it is
 * empty or not absolute.
 */
export function cleanMfsPath(path: string): string {
  if (path === '') throw new Failure('usage', 'paths must not be empty')
  if (!path.startsWith('/')) throw new Failure('usage', 'paths must start with a leading slash')
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const clean = `/${segments.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

/** Returns the names on the way from the root to a clean path; none for the root itself. */
export function segmentsOf(path: string): string[] {
  return path.split('/').filter(segment => segment !== '')
}

/** Returns the folder that holds the entry a path names, as Go's `path.Dir` does: of `/a/b/` it is `/a/b`. */
export function parentOf(path: string): string {
  const end = path.lastIndexOf('/')
  return end <= 0 ? '/' : path.slice(0, end)
}

/** Returns what follows the last slash: empty for a path that ends with one. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Returns the path without slashes at its end; the root stays. */
export function withoutTrailingSlash(path: string): string {
  let end = path.length
  while (end > 1 && path[end - 1] === '/') end -= 1
  return path.slice(0, end)
}
