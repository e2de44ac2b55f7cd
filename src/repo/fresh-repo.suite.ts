import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GLOBALS_DEFAULT } from '../contract/globals.ts'
import { createStore } from './create.ts'
import type { DirectMode } from './direct-writes.ts'
import { layoutOf, VERSION_TEXT } from './layout.ts'
import { openRepo, type StoredRepo } from './open.ts'
import { writeWhole } from './replace-file.ts'
import type { Engine } from './state.ts'

/** A repo for a test, without config, that goes away with it. */
export interface FreshRepo extends Disposable {
  readonly path: string
  open(durability?: 'full' | 'none', directWrites?: DirectMode): Promise<StoredRepo>
}

/** Makes an empty repo below `parent`, which is the system's folder for temporary files unless given. */
export async function freshRepo(engine: Engine = 'packs', parent = tmpdir()): Promise<FreshRepo> {
  const path = mkdtempSync(join(parent, 'tsipfs-repo-'))
  await createStore(layoutOf(path), engine)
  await writeWhole(layoutOf(path).version, VERSION_TEXT)
  return {
    path,
    open: (durability = 'full', directWrites) =>
      openRepo(path, { globals: { ...GLOBALS_DEFAULT, durability, lockTimeoutMs: 2000 }, directWrites }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  }
}
