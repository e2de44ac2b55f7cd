import type { SourceEntry } from './source.ts'

/** Returns permission bits in the bits of Go's `FileMode`, in which Kubo and its clients write modes. */
export function goMode(mode: number, type: SourceEntry['type'] | 'unknown'): number {
  const kind = type === 'directory' ? 2 ** 31 : type === 'symlink' ? 2 ** 27 : 0
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0)
  return kind + special + (mode & 0o777)
}

/** Returns the permission bits of a mode that was written in the bits of POSIX, or in those of Go. */
export function permissionsOf(mode: number): number {
  const has = (bit: number): boolean => Math.floor(mode / 2 ** bit) % 2 === 1
  return (mode & 0o7777) | (has(23) ? 0o4000 : 0) | (has(22) ? 0o2000 : 0) | (has(20) ? 0o1000 : 0)
}
