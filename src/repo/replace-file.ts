import { dirname, join } from 'node:path'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import { randomHex } from './random.ts'

/**
 * Writes a small file so that its name only ever stands for the whole of it, on disk when this resolves. Replaces what
 * is there, or, with `exclusive`, returns false when the name is taken.
 */
export async function writeWhole(
  path: string,
  bytes: Uint8Array | string,
  options: { mode?: number; exclusive?: boolean } = {},
): Promise<boolean> {
  const folder = dirname(path)
  const temporary = join(folder, `.tmp-${randomHex(8)}`)
  try {
    const made = await writeAndMove(temporary, path, bytes, options)
    await syncFolder(folder)
    return made
  } catch (error) {
    // The name of the user's file says more than that of the temporary one.
    throw systemFailure(error, path)
  }
}

async function writeAndMove(
  temporary: string,
  path: string,
  bytes: Uint8Array | string,
  { mode = 0o600, exclusive = false }: { mode?: number; exclusive?: boolean },
): Promise<boolean> {
  const { open, rename, unlink } = await import('node:fs/promises')
  try {
    {
      await using file = await open(temporary, 'wx', mode)
      await file.writeFile(bytes)
      await file.sync()
    }
    if (!exclusive) {
      await rename(temporary, path)
      return true
    }
    return await moveExclusively(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {
      // It may not exist; whatever is left of it is swept with the folder.
    })
    throw error
  }
}

async function moveExclusively(temporary: string, path: string): Promise<boolean> {
  const { link, unlink } = await import('node:fs/promises')
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  } finally {
    await unlink(temporary)
  }
}
