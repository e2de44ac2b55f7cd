import { open } from 'node:fs/promises'
import { systemFailure } from '../contract/failure.ts'

/** Resolves when the names in a folder are on disk. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await using folder = await open(path, 'r')
    await folder.sync()
  } catch (error) {
    throw systemFailure(error, path)
  }
}
