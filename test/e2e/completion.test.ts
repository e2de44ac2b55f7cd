/** The TAB key in real shells, each on a terminal of its own (`script`), on a repo with something in it. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { after, before, test } from 'node:test'
import { Daemon } from './daemons.ts'
import { PROGRAM } from './program.ts'

const TIMEOUT_MS = 120_000
const KEY_TIMEOUT_MS = 15_000

/** How a shell is started without anybody's settings, and told to print what it was given. */
const SHELLS = {
  bash: {
    command: 'bash --norc --noprofile -i',
    setup: "PS1='ready> '; show() { printf '<%s>' \"$@\"; echo; }; . <(tsipfs commands completion bash)",
  },
  zsh: {
    command: 'zsh -f -i',
    setup:
      "PS1='ready> '; unsetopt auto_remove_slash; autoload -U compinit; compinit -u -D; " +
      'show() { printf \'<%s>\' "$@"; echo; }; . <(tsipfs commands completion zsh)',
  },
  fish: {
    command: 'fish --no-config -i',
    setup:
      "function fish_prompt; echo 'ready> '; end; function show; printf '<%s>' $argv; echo; end; " +
      'tsipfs commands completion fish | source',
  },
} as const

type Shell = keyof typeof SHELLS

let daemon: Daemon
let other: Daemon
let subscriber: ChildProcessByStdio<Writable, Readable, Readable>
let root = ''

/** What is typed before the TAB key, and the words that the line then holds. */
function cases(): readonly (readonly [string, readonly string[]])[] {
  const head = root.slice(0, 8)
  return [
    ['boo', ['bootstrap']],
    ['pin rem', ['pin', 'remote']],
    ['add --raw', ['add', '--raw-leaves']],
    ['add --json --pin-na', ['add', '--json', '--pin-name']],
    ['pin ls --type=rec', ['pin', 'ls', '--type=recursive']],
    ['pin ls --type rec', ['pin', 'ls', '--type', 'recursive']],
    ['--color=alw', ['--color=always']],
    ['dag put --store-codec=dag-j', ['dag', 'put', '--store-codec=dag-j']],
    ['dag put --store-codec=dag-js', ['dag', 'put', '--store-codec=dag-json']],
    ['add --hash blake3', ['add', '--hash', 'blake3']],
    ['config Addresses.AP', ['config', 'Addresses.API']],
    ['config profile apply lowp', ['config', 'profile', 'apply', 'lowpower']],
    // Files, with a space too, as a word and as the value of an option.
    ['add note', ['add', 'notes.txt']],
    ['add with', ['add', 'with space.txt']],
    ['get -o pictu', ['get', '-o', 'pictures/']],
    ['add --to-car=note', ['add', '--to-car=notes.txt']],
    // What lives in the repo, and in its daemon.
    [`cat ${head}`, ['cat', root]],
    [`pin rm ${head}`, ['pin', 'rm', root]],
    ['pin ls --name=rel', ['pin', 'ls', '--name=release 1']],
    ['key rm pub', ['key', 'rm', 'publisher']],
    ['name publish --key=pub', ['name', 'publish', '--key=publisher']],
    ['files ls /docu', ['files', 'ls', '/documents/']],
    ['files ls /documents/dr', ['files', 'ls', '/documents/drafts/']],
    ['files cp /documents/no', ['files', 'cp', '/documents/note']],
    ['pubsub pub new', ['pubsub', 'pub', 'news']],
    [`ping ${other.peer.slice(0, 12)}`, ['ping', other.peer]],
  ]
}

before(async () => {
  daemon = await Daemon.start()
  other = await Daemon.start()
  const { folder } = daemon.place
  mkdirSync(`${folder}/bin`)
  mkdirSync(`${folder}/pictures`)
  symlinkSync(PROGRAM, `${folder}/bin/tsipfs`)
  for (const name of ['notes.txt', 'with space.txt']) writeFileSync(`${folder}/${name}`, 'a note\n')
  root = await daemon.ok(['add', '-Q', '--pin-name=release 1', 'notes.txt'])
  await daemon.ok(['key', 'gen', 'publisher'])
  await daemon.ok(['files', 'mkdir', '-p', '/documents/drafts'])
  await daemon.ok(['files', 'cp', `/ipfs/${root}`, '/documents/note'])
  await daemon.connect(other)
  subscriber = daemon.start(['pubsub', 'sub', 'news'])
  await daemon.until(['pubsub', 'ls'], text => text.includes('news'))
})

after(async () => {
  subscriber?.kill()
  await daemon?.[Symbol.asyncDispose]()
  await other?.[Symbol.asyncDispose]()
})

/** A shell on a terminal. */
class Terminal implements Disposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #text = ''
  #look = (): void => undefined

  constructor(shell: Shell) {
    const { folder, repo } = daemon.place
    const env = {
      ...{ PATH: `${folder}/bin:${process.env.PATH}`, HOME: folder, TSIPFS_PATH: repo, LC_ALL: 'C.UTF-8' },
      ...{ TERM: 'xterm', COLUMNS: '200', LINES: '50' },
    }
    this.#child = spawn('script', ['-qfc', SHELLS[shell].command, '/dev/null'], {
      cwd: folder,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child.stdout.on('data', chunk => {
      this.#text += chunk.toString()
      this.#look()
    })
  }

  /** Types, and resolves when what the terminal then shows matches. */
  async type(text: string, pattern: RegExp): Promise<RegExpExecArray> {
    this.#text = ''
    const found = Promise.withResolvers<RegExpExecArray>()
    const limit = setTimeout(() => found.reject(new Error(`no ${pattern} in: ${this.#text}`)), KEY_TIMEOUT_MS)
    this.#look = () => {
      const match = pattern.exec(this.#text)
      if (match !== null) found.resolve(match)
    }
    this.#child.stdin.write(text)
    return await found.promise.finally(() => clearTimeout(limit))
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}

const CTRL_A = '\x01'

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  test(`${shell} completes commands, options, files and what lives in the repo`, { timeout: TIMEOUT_MS }, async t => {
    for (const program of ['script', shell]) {
      if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return t.skip(`there is no ${program}`)
    }
    using terminal = new Terminal(shell)
    await terminal.type(`stty cols 200 rows 50; ${SHELLS[shell].setup}; show set up\n`, /<set><up>[\s\S]*ready> /)
    const times: number[] = []
    for (const [typed, expected] of cases()) {
      const start = performance.now()
      const [, shown = ''] = await terminal.type(
        `tsipfs ${typed}\t${CTRL_A}show \n`,
        /(<tsipfs><[^\r\n]*)\r?\n[\s\S]*ready> /,
      )
      times.push(performance.now() - start)
      assert.equal(shown, ['tsipfs', ...expected].map(word => `<${word}>`).join(''), `${shell}: tsipfs ${typed}`)
    }
    times.sort((a, b) => a - b)
    t.diagnostic(
      `${shell}: a TAB took ${times[times.length >> 1]?.toFixed(0)} ms in the middle, ${times.at(-1)?.toFixed(0)} at most`,
    )
  })
}
