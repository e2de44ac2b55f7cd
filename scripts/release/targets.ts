/** A platform for which an executable is made. */
export interface Target {
  /** The name in packages and files: `linux-x64`. */
  readonly name: string
  /** The package that holds Bun for it. */
  readonly bun: string
  readonly os: string
  readonly cpu: string
  readonly libc?: string
  readonly deb?: string
  readonly rpm?: string
}

export const TARGETS: readonly Target[] = [
  { name: 'linux-x64', bun: 'bun-linux-x64', os: 'linux', cpu: 'x64', libc: 'glibc', deb: 'amd64', rpm: 'x86_64' },
  {
    name: 'linux-arm64',
    bun: 'bun-linux-aarch64',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    deb: 'arm64',
    rpm: 'aarch64',
  },
  { name: 'linux-x64-musl', bun: 'bun-linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { name: 'linux-arm64-musl', bun: 'bun-linux-aarch64-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  { name: 'darwin-x64', bun: 'bun-darwin-x64', os: 'darwin', cpu: 'x64' },
  { name: 'darwin-arm64', bun: 'bun-darwin-aarch64', os: 'darwin', cpu: 'arm64' },
  { name: 'windows-x64', bun: 'bun-windows-x64', os: 'win32', cpu: 'x64' },
]
