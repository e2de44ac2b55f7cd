/** What a package holds: a file, folder or symbolic link, by its path below the root. */
export interface PackedFile {
  /** Slash-separated, without a leading slash. */
  readonly path: string
  readonly mode: number
  readonly bytes?: Uint8Array | undefined
  /** Where a symbolic link points; it has no bytes then. */
  readonly target?: string | undefined
}

/** Returns the files with every folder above them, in the order in which archives hold them. */
export function withFolders(files: readonly PackedFile[]): PackedFile[] {
  const all = new Map<string, PackedFile>()
  for (const file of files) {
    const parts = file.path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      if (!all.has(path)) all.set(path, { path, mode: 0o755 })
    }
    all.set(file.path, file)
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function isFolder(file: PackedFile): boolean {
  return file.bytes === undefined && file.target === undefined
}
