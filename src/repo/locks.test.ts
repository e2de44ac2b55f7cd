import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { KernelLock } from './locks.ts'

function lockFile(): { file: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'tsipfs-lock-'))
  return { file: join(folder, 'lock'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

test('a lock is held by one alone, or by many together', () => {
  using place = lockFile()
  const { file } = place
  {
    using first = KernelLock.tryShared(file)
    using second = KernelLock.tryShared(file)
    assert.ok(first !== undefined && second !== undefined)
    assert.equal(KernelLock.tryExclusive(file), undefined)
  }
  using alone = KernelLock.tryExclusive(file)
  assert.ok(alone !== undefined)
  assert.equal(KernelLock.tryShared(file), undefined)
  assert.equal(KernelLock.tryExclusive(file), undefined)
})

test('who waits gets the lock when it is free, gives up in time, and can be stopped', async () => {
  using place = lockFile()
  const { file } = place
  const lock = KernelLock.tryExclusive(file)
  await assert.rejects(KernelLock.wait(file, 'shared', { timeoutMs: 30 }), { kind: 'locked' })
  const controller = new AbortController()
  const stopped = KernelLock.wait(file, 'exclusive', { timeoutMs: 60_000, signal: controller.signal })
  controller.abort()
  await assert.rejects(stopped, { name: 'AbortError' })
  const waiting = KernelLock.wait(file, 'exclusive', { timeoutMs: 60_000 })
  lock?.[Symbol.dispose]()
  using _got = await waiting
})

test('a lock holds against another process, and goes with a process that is killed', async () => {
  using place = lockFile()
  const { file } = place
  const script = `
    import { KernelLock } from ${JSON.stringify(join(import.meta.dirname, 'locks.ts'))}
    globalThis.lock = KernelLock.tryExclusive(${JSON.stringify(file)})
    globalThis.gc?.()
    process.stdout.write(lock === undefined ? 'refused' : 'held')
    setInterval(() => globalThis.gc?.(), 1)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said), 'held')
  assert.equal(KernelLock.tryShared(file), undefined)
  child.kill('SIGKILL')
  await once(child, 'close')
  using lock = KernelLock.tryExclusive(file)
  assert.ok(lock !== undefined)
})
