import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { createStore } from '../../src/repo/create.ts'
import { layoutOf, VERSION_TEXT } from '../../src/repo/layout.ts'
import { writeWhole } from '../../src/repo/replace-file.ts'

const CHILD = join(import.meta.dirname, 'repo-child.ts')
const CALLS =
  'openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink'

/** One system call as strace saw it: when it began, and when it was over. */
interface Traced {
  readonly name: string
  readonly args: string
  readonly result: string
  readonly began: number
  readonly ended: number
}

function parseTrace(text: string): Traced[] {
  const calls: Traced[] = []
  const open = new Map<string, { name: string; args: string; began: number }>()
  for (const [at, line] of text.split('\n').entries()) {
    const whole = /^(?:(\d+) +)?(\w+)\((.*)\) += (-?\d+.*)$/.exec(line)
    const begun = /^(?:(\d+) +)?(\w+)\((.*?),? *<unfinished \.\.\.>$/.exec(line)
    const resumed = /^(?:(\d+) +)?<\.\.\. (\w+) resumed>(.*)\) += (-?\d+.*)$/.exec(line)
    if (resumed !== null) {
      const first = open.get(resumed[1] ?? '')
      if (first === undefined) continue
      calls.push({ ...first, args: first.args + (resumed[3] ?? ''), result: resumed[4] ?? '', ended: at })
    } else if (begun !== null) open.set(begun[1] ?? '', { name: begun[2] ?? '', args: begun[3] ?? '', began: at })
    else if (whole !== null) {
      calls.push({ name: whole[2] ?? '', args: whole[3] ?? '', result: whole[4] ?? '', began: at, ended: at })
    }
  }
  return calls
}

/** What the worst crash that the rules allow would take away: bytes and names that no flush was waited for. */
class Disk {
  readonly #root: string
  readonly #bytes = new Map<string, number>()
  readonly #names = new Map<string, number>()

  constructor(root: string) {
    this.#root = root
  }

  play({ name, args, result, began, ended }: Traced): void {
    if (result.startsWith('-')) return
    const file = /^\d+<([^>]*)>/.exec(args)?.[1] ?? ''
    if (/^(p?write|ftruncate)/.test(name)) this.#change(this.#bytes, file, ended)
    else if (name === 'openat' && args.includes('O_CREAT')) {
      const path = /<([^>]*)>/.exec(result)?.[1] ?? ''
      if (args.includes('O_EXCL')) this.#change(this.#names, path, ended)
    } else if (/^(rename|link)/.test(name)) {
      const path = [...args.matchAll(/"([^"]*)"/g)].at(-1)?.[1] ?? ''
      this.#change(this.#names, path, ended)
    } else if (/^f(data)?sync$/.test(name)) this.#flush(file, began)
  }

  #change(changes: Map<string, number>, path: string, at: number): void {
    if (path.startsWith(this.#root)) changes.set(path, at)
  }

  #flush(path: string, began: number): void {
    if ((this.#bytes.get(path) ?? Number.POSITIVE_INFINITY) < began) this.#bytes.delete(path)
    for (const [name, at] of this.#names) if (dirname(name) === path && at < began) this.#names.delete(name)
  }

  /** Returns what would be lost; what lies in `locks` may be. */
  lost(): string[] {
    const { locks, stateCompanions } = layoutOf(this.#root)
    return [...this.#bytes.keys(), ...this.#names.keys()].filter(
      path => !path.startsWith(locks) && path !== stateCompanions.index,
    )
  }
}

/** Returns true where files can be written around the page cache. */
function canWriteDirect(folder: string): boolean {
  try {
    closeSync(openSync(join(folder, 'direct'), constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT))
    return true
  } catch {
    // In memory, before Linux 6.6.
    return false
  }
}

for (const writes of ['measured', 'always']) {
  test(`when a CID is printed, all that it stands on has been flushed (writes around the cache: ${writes})`, async t => {
    if (spawnSync('strace', ['-V']).status !== 0) return t.skip('there is no strace')
    const folder = mkdtempSync(join(tmpdir(), 'tsipfs-durability-'))
    try {
      if (writes === 'always' && !canWriteDirect(folder)) return t.skip('the file system cannot')
      const path = join(folder, 'repo')
      await createStore(layoutOf(path), 'packs')
      await writeWhole(layoutOf(path).version, VERSION_TEXT)
      let opened = 0
      // A new pack, an old pack, blocks that are there already, blocks for several commits, more than a pack holds.
      for (const [seed, count] of [
        [1, 50],
        [2, 50],
        [2, 50],
        [3, 6000],
        [4, 17_000],
      ]) {
        const trace = join(folder, 'trace')
        const command = [process.execPath, CHILD, 'add', path, String(seed), String(count), writes]
        execFileSync('strace', ['-f', '-y', '-s', '80', '-e', `trace=${CALLS}`, '-o', trace, ...command])
        const disk = new Disk(path)
        let printed = 0
        for (const call of parseTrace(readFileSync(trace, 'utf8'))) {
          if (call.name === 'write' && /^1</.test(call.args) && call.args.includes('"baf')) {
            printed++
            assert.deepEqual(disk.lost(), [], `lost in a crash after ${seed}/${count} was printed`)
          }
          if (call.name === 'openat' && /O_DIRECT\b/.test(call.args)) opened++
          disk.play(call)
        }
        assert.equal(printed, 1)
      }
      // Two of them in the last run, and none in the third, which has nothing to write.
      if (writes === 'always') assert.equal(opened, 5, 'packs opened to be written around the cache')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
