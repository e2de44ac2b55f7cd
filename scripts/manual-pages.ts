import { commandManual, exitStatusManual, groupManual, pageName, programManual, topicManual } from '../src/cli/man.ts'
import { groups } from '../src/commands/groups.ts'
import { childrenOf, groupPaths, loadDeclarations, projectVersion } from './declarations.ts'
import { CONFIG_TOPIC, ENVIRONMENT_TOPIC } from './manual-topics.ts'

/** Returns every manual page, by its file name. */
export async function manualPages(): Promise<Map<string, string>> {
  const declared = await loadDeclarations()
  const info = { version: projectVersion() }
  const pages = new Map<string, string>()
  pages.set('tsipfs.1', programManual(childrenOf('', declared), info))
  for (const [path, command] of declared)
    pages.set(`${pageName(path)}.1`, commandManual(command, childrenOf(path, declared), info))
  for (const path of groupPaths(declared)) {
    pages.set(`${pageName(path)}.1`, groupManual(path, groups[path] ?? '', childrenOf(path, declared), info))
  }
  pages.set('tsipfs-exit-status.7', exitStatusManual(info))
  pages.set('tsipfs-environment.7', topicManual(ENVIRONMENT_TOPIC, info))
  pages.set('tsipfs-config.5', topicManual(CONFIG_TOPIC, info))
  return pages
}
