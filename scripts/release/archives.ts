import { encodeTarHeader, paddingOf } from '../../src/node/tar.ts'
import { isFolder, type PackedFile } from './tree.ts'

/** Every time in a release is this one, so that the same source gives the same bytes. Seconds since 1970. */
export function releaseTime(): number {
  return Number(process.env.SOURCE_DATE_EPOCH ?? 0)
}

/** Returns a tar archive; `prefix` stands before each path. */
export function tar(files: readonly PackedFile[], prefix = ''): Buffer {
  const parts: Uint8Array[] = []
  for (const file of files) {
    const type = isFolder(file) ? 'directory' : file.target === undefined ? 'file' : 'symlink'
    const size = file.bytes?.length ?? 0
    const name = `${prefix}${file.path}${type === 'directory' ? '/' : ''}`
    const mtime = { seconds: releaseTime(), nanoseconds: 0 }
    parts.push(
      encodeTarHeader({ name, type, size, mode: file.mode, mtime, target: file.target }, { nanoseconds: false }),
    )
    if (file.bytes !== undefined) parts.push(file.bytes, new Uint8Array(paddingOf(size)))
  }
  parts.push(new Uint8Array(1024))
  return Buffer.concat(parts)
}

/** Returns an archive of `ar`, as Debian's packages are. */
export function ar(members: readonly (readonly [name: string, bytes: Uint8Array])[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from('!<arch>\n')]
  for (const [name, bytes] of members) {
    const header = `${name.padEnd(16)}${String(releaseTime()).padEnd(12)}0     0     100644  ${String(bytes.length).padEnd(10)}\`\n`
    parts.push(Buffer.from(header), bytes)
    if (bytes.length % 2 === 1) parts.push(Buffer.from('\n'))
  }
  return Buffer.concat(parts)
}

/** Returns a cpio archive in the `newc` form, as the payload of an RPM is. */
export function cpio(files: readonly PackedFile[]): Buffer {
  const parts: Uint8Array[] = []
  const add = (name: string, mode: number, bytes: Uint8Array, inode: number): void => {
    const fields = [inode, mode, 0, 0, 1, releaseTime(), bytes.length, 0, 0, 0, 0, name.length + 1, 0]
    const head = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}${name}\0`
    parts.push(
      Buffer.from(head.padEnd(Math.ceil(head.length / 4) * 4, '\0')),
      bytes,
      new Uint8Array((4 - (bytes.length % 4)) % 4),
    )
  }
  for (const [at, file] of files.entries()) {
    const kind = isFolder(file) ? 0o040000 : file.target === undefined ? 0o100000 : 0o120000
    add(`./${file.path}`, kind | file.mode, file.bytes ?? Buffer.from(file.target ?? ''), at + 1)
  }
  add('TRAILER!!!', 0, new Uint8Array(0), 0)
  return Buffer.concat(parts)
}
