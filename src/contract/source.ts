/**
 * A file, folder or symbolic link that a caller sends along. Entries come in order: a folder before what lies in it,
 * and the content of a file is read, or skipped, before the next entry is asked for.
 *
 * Names are strings in which each byte that is not valid UTF-8 stands as a lone surrogate U+DC80..U+DCFF
 * (`surrogate-escape.ts`), so that any file name survives.
 */
export interface SourceEntry {
  /** Slash-separated, relative, never with `.` or `..`: `dir/a.txt`. Empty for standard input without a name. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink'
  /** Permission bits, when they are known. */
  readonly mode?: number | undefined
  /** The mode as a client of the RPC wrote it, when it did: answers repeat it. */
  readonly sentMode?: number | undefined
  readonly mtime?: { readonly seconds: number; readonly nanoseconds: number } | undefined
  /** Of a file on the caller's machine: with size and time of modification it tells whether it is the same still. */
  readonly inode?: bigint | undefined
  /** Where a symbolic link points. */
  readonly target?: string | undefined
  /** Size in bytes, when it is known beforehand. */
  readonly size?: number | undefined
  /** The absolute path, when the file lies on the machine of the node: it can be read, or referred to, there. */
  readonly localPath?: string | undefined
  /** The bytes of a file. May be called once. */
  content?(): AsyncIterable<Uint8Array>
  /**
   * Opens a file to be read into memory of the reader's own, in place of `content`. Only where that saves work: for large
   * files on this machine. Whoever calls it closes it.
   */
  open?(): FileReader
  /**
   * Reads the whole of a small file at once into memory of the reader's own, in place of `content`, and returns how long
   * it is; undefined when it does not fit: the target has to be longer than the file, so that its end is seen.
   */
  readAtOnce?(target: Uint8Array): number | undefined
}

/** Entries in any order, but for folders before what lies in them: one may be come back to after others. */
export interface UnorderedSource extends AsyncIterable<SourceEntry> {
  readonly isUnordered: true
}

export function isUnordered(source: AsyncIterable<SourceEntry>): source is UnorderedSource {
  return 'isUnordered' in source
}

/** Files that can be looked at again and again, where they lie on the machine of the node. */
export interface WatchedSource extends AsyncIterable<SourceEntry> {
  /** Yields the files as they are, now and once more each time that something has changed. Ends by its signal only. */
  rounds(): AsyncIterable<AsyncIterable<SourceEntry>>
}

/** A file that is open. Closing it waits for what is being read. */
export interface FileReader extends AsyncDisposable {
  /** Reads what comes at `position`, and returns how much: less than the target holds only at the end. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Like `read`, without giving up the thread: that costs less where the bytes are in memory already. */
  readHere?(target: Uint8Array, position: number): number
}
