import { gzipSync } from 'node:zlib'
import { tar } from './archives.ts'
import { TARGETS, type Target } from './targets.ts'
import type { PackedFile } from './tree.ts'

type Manifest = Readonly<Record<string, unknown>>

/** Fields that the published manifests share with that of the project. */
function shared(project: Manifest): Record<string, unknown> {
  const { name, version, description, license, homepage, repository, bugs, keywords } = project
  return { name, version, description, license, homepage, repository, bugs, keywords }
}

function packed(manifest: object, files: readonly PackedFile[]): Buffer {
  const first = { path: 'package.json', mode: 0o644, bytes: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) }
  return gzipSync(tar([first, ...files], 'package/'), { level: 6 })
}

/** Returns the package that is installed by name: launcher, bundle, library, manual pages, completion; the executables are optional packages beside it. */
export function mainPackage(project: Manifest, files: readonly PackedFile[]): Buffer {
  const { version } = project
  const pages = files.filter(file => file.path.startsWith('man/')).map(file => file.path)
  return packed(
    {
      ...shared(project),
      type: 'module',
      bin: { tsipfs: 'bin/tsipfs' },
      exports: project.exports,
      man: pages,
      engines: { node: '>=20' },
      optionalDependencies: Object.fromEntries(TARGETS.map(({ name }) => [`tsipfs-${name}`, version])),
    },
    files,
  )
}

/** Returns the package with the executable of one platform. */
export function platformPackage(project: Manifest, target: Target, executable: Uint8Array): Buffer {
  const program = target.os === 'win32' ? 'tsipfs.exe' : 'tsipfs'
  const manifest = {
    ...shared(project),
    name: `tsipfs-${target.name}`,
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc === undefined ? {} : { libc: [target.libc] }),
  }
  return packed(manifest, [{ path: program, mode: 0o755, bytes: executable }])
}
