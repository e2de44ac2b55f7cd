import { systemFailure } from '../contract/failure.ts'

/** Resolves when the names in a folder are on disk. */
export async function syncFolder(path: string): Promise<void> {
  // Few commands come here, and loading it takes its time.
  const { open } = await import('node:fs/promises')
  try {
    await using folder = await open(path, 'r')
    await folder.sync()
  } catch (error) {
    throw systemFailure(error, path)
  }
}
