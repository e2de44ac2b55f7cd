import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createStateFile, State } from './state.ts'

test('a database that nobody else may enter for a moment is opened when that is over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsipfs-state-'))
  try {
    const file = join(folder, 'state.sqlite')
    createStateFile(file, 'packs')
    // As the last to leave does, while it writes the log back.
    const holder = new DatabaseSync(file)
    holder.exec("PRAGMA locking_mode = EXCLUSIVE; UPDATE meta SET value = '1' WHERE key = 'generation'")
    const options = { writeLock: undefined, durability: 'full', lockTimeoutMs: 10_000 } as const
    await assert.rejects(State.openWhenFree(file, { ...options, lockTimeoutMs: 0 }), { kind: 'locked' })
    const aborted = { signal: AbortSignal.timeout(1) }
    await assert.rejects(State.openWhenFree(file, options, aborted), { name: 'AbortError' })
    const opening = State.openWhenFree(file, options)
    setImmediate(() => holder.close())
    using state = await opening
    assert.equal(await state.read(() => state.engine()), 'packs')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
