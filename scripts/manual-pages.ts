import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  bodyManual,
  commandManual,
  exitStatusManual,
  groupManual,
  pageName,
  programManual,
  topicManual,
} from '../src/cli/man.ts'
import { groups } from '../src/commands/groups.ts'
import { childrenOf, groupPaths, loadDeclarations, projectVersion } from './declarations.ts'
import { CONFIG_TOPIC, ENVIRONMENT_TOPIC, OUTPUT_TOPIC } from './manual-topics.ts'
import { manualBody } from './markdown-manual.ts'

const root = resolve(import.meta.dirname, '..')

/** Returns every manual page, by its file name. */
export async function manualPages(): Promise<Map<string, string>> {
  const declared = await loadDeclarations()
  const version = projectVersion()
  const info = { version, date: releaseDate(version) }
  const pages = new Map<string, string>()
  pages.set('tsipfs.1', programManual(childrenOf('', declared), info))
  for (const [path, command] of declared)
    pages.set(`${pageName(path)}.1`, commandManual(command, childrenOf(path, declared), info))
  for (const path of groupPaths(declared)) {
    pages.set(`${pageName(path)}.1`, groupManual(path, groups[path] ?? '', childrenOf(path, declared), info))
  }
  pages.set('tsipfs-exit-status.7', exitStatusManual(info))
  pages.set('tsipfs-environment.7', topicManual(ENVIRONMENT_TOPIC, info))
  pages.set('tsipfs-output.7', topicManual(OUTPUT_TOPIC, info))
  const keys = await configTerms()
  pages.set('tsipfs-config.5', topicManual({ ...CONFIG_TOPIC, terms: [...CONFIG_TOPIC.terms, ...keys] }, info))
  const format = manualBody(readFileSync(join(root, 'docs/repo-format.md'), 'utf8'))
  const topic = { name: 'tsipfs-repo-format', section: '5', summary: 'the repo on disk, to the byte' }
  pages.set('tsipfs-repo-format.5', bodyManual(topic, format, info))
  return pages
}

/** Returns the day that a version is of: pages made anew are the same. */
function releaseDate(version: string): string {
  const versions: Readonly<Record<string, { date: string }>> = JSON.parse(
    readFileSync(join(root, 'changes/budgets.json'), 'utf8'),
  ).versions
  return versions[version]?.date ?? ''
}

/** Returns every section of the config with its keys, but for those that are explained one by one. */
async function configTerms(): Promise<(readonly [string, string])[]> {
  const { keysBelow } = await import('../src/repo/config-values.ts')
  const leaves = (section: string): string[] =>
    keysBelow(section).flatMap(key => (key.endsWith('.') ? leaves(key) : [key.split('.').slice(1).join('.')]))
  return keysBelow('').map(key =>
    key.endsWith('.')
      ? ([`All of ${key.slice(0, -1)}`, `${leaves(key).join(', ')}.`] as const)
      : ([`All of ${key}`, 'A value of its own.'] as const),
  )
}
