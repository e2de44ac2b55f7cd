import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, unlink } from 'node:fs/promises'
import { Failure, systemFailure } from '../contract/failure.ts'
import { parseConfig } from './config.ts'
import { prettyJson } from './config-values.ts'
import { writeWhole } from './replace-file.ts'
import type { ConfigStore } from './roles.ts'

/**
 * Lets the user change a copy of the config in an editor, then puts it in place, checked. The copy lies in the repo,
 * which nobody else may read, and goes away; it stays where it is when it cannot be used.
 */
export async function editConfig(repoPath: string, store: ConfigStore, editor: string): Promise<void> {
  const copy = `${repoPath}/config.edit-${randomBytes(4).toString('hex')}.json`
  const before = `${prettyJson(await store.readFile())}\n`
  await writeWhole(copy, before)
  try {
    await runEditor(editor, copy)
    const after = await readFile(copy, 'utf8')
    if (after !== before) {
      const edited = parseConfig(after, copy)
      await store.update(() => edited)
    }
  } catch (error) {
    if (error instanceof Failure && error.hint === undefined) {
      throw new Failure(error.kind, error.message, {
        hint: `the config is as it was; your copy is ${copy}`,
        cause: error,
      })
    }
    throw systemFailure(error, copy)
  }
  await unlink(copy)
}

/** The editor may be a command line of its own: the shell takes it apart. */
async function runEditor(editor: string, file: string): Promise<void> {
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
  const ended = Promise.withResolvers<number | null>()
  child.once('error', ended.reject)
  child.once('close', ended.resolve)
  const status = await ended.promise
  if (status !== 0) throw new Failure('failed', `${editor} ended with status ${status ?? 'of a signal'}`)
}
