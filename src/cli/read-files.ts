import { createReadStream } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { Caller } from '../contract/command.ts'
import { Failure, systemFailure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'

/** Yields the named files, one entry each, or standard input when none is named. `-` is standard input too. */
export async function* readFiles(paths: readonly string[], caller: Caller): AsyncIterable<SourceEntry> {
  if (paths.length === 0) {
    yield standardInput(caller)
    return
  }
  for (const path of paths) {
    caller.signal.throwIfAborted()
    yield path === '-' ? standardInput(caller) : await oneFile(path, caller)
  }
}

function standardInput(caller: Caller): SourceEntry {
  return { path: '', type: 'file', content: () => caller.io.stdin }
}

async function oneFile(path: string, caller: Caller): Promise<SourceEntry> {
  const full = resolve(caller.io.cwd, path)
  try {
    const target = await realpath(full)
    const stat = await lstat(target)
    if (stat.isDirectory()) throw new Failure('failed', `${path}: is a directory`, { hint: 'name a file' })
    return {
      path: basename(full),
      type: 'file',
      size: stat.isFile() ? stat.size : undefined,
      localPath: stat.isFile() ? target : undefined,
      content: () => readLocal(target, path),
    }
  } catch (error) {
    throw systemFailure(error, path)
  }
}

async function* readLocal(target: string, path: string): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of createReadStream(target, { highWaterMark: 1024 * 1024 })) yield chunk as Uint8Array
  } catch (error) {
    throw systemFailure(error, path)
  }
}
