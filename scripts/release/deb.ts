import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { ar, tar } from './archives.ts'
import { isFolder, type PackedFile, withFolders } from './tree.ts'

export interface PackageInfo {
  readonly name: string
  readonly version: string
  readonly summary: string
  readonly description: string
  readonly licence: string
  readonly homepage: string
  readonly maintainer: string
}

/** Returns a Debian package (deb(5)). `architecture` is Debian's name: amd64, arm64. */
export function deb(info: PackageInfo, architecture: string, files: readonly PackedFile[]): Buffer {
  const all = withFolders(files)
  const size = all.reduce((sum, file) => sum + (file.bytes?.length ?? 0), 0)
  const control = [
    `Package: ${info.name}`,
    `Version: ${info.version}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${info.maintainer}`,
    `Installed-Size: ${Math.ceil(size / 1024)}`,
    'Depends: libc6 (>= 2.17)',
    'Section: net',
    'Priority: optional',
    `Homepage: ${info.homepage}`,
    `Description: ${info.summary}`,
    ...info.description.split('\n').map(line => ` ${line === '' ? '.' : line}`),
    '',
  ].join('\n')
  const sums = all
    .filter(file => file.bytes !== undefined)
    .map(
      file =>
        `${createHash('md5')
          .update(file.bytes ?? '')
          .digest('hex')}  ${file.path}\n`,
    )
    .join('')
  const meta: PackedFile[] = [
    { path: 'control', mode: 0o644, bytes: Buffer.from(control) },
    { path: 'md5sums', mode: 0o644, bytes: Buffer.from(sums) },
  ]
  return ar([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(tar(meta, './'), { level: 9 })],
    [
      'data.tar.gz',
      gzipSync(
        tar(
          all.filter(file => !isFolder(file) || file.path !== ''),
          './',
        ),
        { level: 6 },
      ),
    ],
  ])
}
