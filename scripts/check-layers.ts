/**
 * Holds the layers: contract <- repo <- node, contract <- commands <- rpc, cli; node <- gateway. The library reaches all
 * but contract by `await import()`. Prints each import that points the wrong way and fails. A type import may point at
 * any layer; a command reaches the node by `await import()` only.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../src')
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  contract: ['contract'],
  repo: ['contract', 'repo'],
  node: ['contract', 'repo', 'node'],
  commands: ['contract', 'commands'],
  gateway: ['contract', 'repo', 'node', 'gateway'],
  rpc: ['contract', 'rpc', 'commands'],
  cli: ['contract', 'commands', 'rpc', 'cli'],
  library: ['contract', 'library'],
  'main.ts': ['contract', 'cli'],
}
/** Modules that no local command may load at its start. */
const LATE =
  /^(@?libp2p|@chainsafe\/libp2p|@libp2p\/|@noble\/|ora$|chalk$|multiformats\/basics|@ipld\/(car|dag-cbor|dag-json)|dag-jose)/
const EARLY_FOLDERS = new Set(['contract', 'commands', 'cli', 'library', 'main.ts'])

const problems: string[] = []
for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts') || /\.(test|suite)\.ts$/.test(file)) continue
  const layer = file.split('/')[0] ?? ''
  const text = readFileSync(join(root, file), 'utf8')
  for (const [, isType, target] of text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+['"]([^'"]+)['"]/gm)) {
    if (isType !== undefined || target === undefined) continue
    if (target.startsWith('.')) {
      const other = relative(root, resolve(root, file, '..', target)).split('/')[0] ?? ''
      if (ALLOWED[layer]?.includes(other) !== true) problems.push(`src/${file}: ${layer} must not import ${target}`)
    } else if (EARLY_FOLDERS.has(layer) && LATE.test(target)) {
      problems.push(`src/${file}: ${target} must be loaded by await import()`)
    }
  }
}
for (const problem of problems) console.error(problem)
console.log(`layers: ${problems.length === 0 ? 'sound' : `${problems.length} imports point the wrong way`}`)
process.exitCode = problems.length === 0 ? 0 : 1
