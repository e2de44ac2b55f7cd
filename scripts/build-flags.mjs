import { spawnSync } from 'node:child_process'

/** How the executable is compiled, for this machine and for others. */
export const COMPILE_FLAGS = [
  '--compile',
  '--minify',
  '--bytecode',
  '--format=esm',
  // Without it a lazily imported libp2p makes every start slower.
  '--splitting',
  '--sourcemap',
  // Small commands end before compiling pays; main.ts takes it back for those that last.
  '--compile-jit-policy=10',
  // Else the executable would read `.env` and run `bunfig.toml` of whatever folder it stands in.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
]

/** What is compiled: the program, and its workers. */
export const ENTRIES = ['src/main.ts']

/** What other programs import, beside the program in the bundle for Node. */
export const LIBRARY = 'src/library/index.ts'

/** The files whose declarations are published: they import nothing else. */
export const LIBRARY_TYPES = [LIBRARY, 'src/library/api.ts', 'src/contract/failure.ts']

/** Tells the bundler the commit that is built, for `version --commit`: in as many digits in every clone; none outside of one. */
export function commitDefine(root) {
  const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return `--define=TSIPFS_COMMIT=${JSON.stringify(commit.status === 0 ? commit.stdout.slice(0, 9) : '')}`
}
