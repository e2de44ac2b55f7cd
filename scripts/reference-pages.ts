import { optionsOf, placeText, spellings, synopsis } from '../src/cli/help.ts'
import { groups } from '../src/commands/groups.ts'
import type { Command, Needs } from '../src/contract/command.ts'
import { EXIT_STATUS, type FailureKind } from '../src/contract/failure.ts'
import { loadDeclarations } from './declarations.ts'
import { resultFields } from './result-fields.ts'

const INTRODUCTION =
  'Generated from the declarations of the commands. In results `[]` is each item of a list, and what bears `?` may be ' +
  'absent; types are those of [`tsipfs schema`](schema.md). Beside the statuses that are named a bug ends a command with ' +
  '70, a signal with 130 or 143, a closed pipe with 141.'

/** Returns the pages of the reference: one for each first word of a command, and one for the exit statuses. */
export async function referencePages(): Promise<Map<string, string>> {
  const declared = await loadDeclarations()
  const pages = new Map<string, string>()
  const words = [...new Set([...declared.keys()].map(path => path.split(' ')[0] ?? ''))]
  for (const word of words) {
    const mine = [...declared.values()].filter(command => command.path.split(' ')[0] === word)
    const title = `# tsipfs ${word}\n\n${declared.get(word)?.summary ?? groups[word] ?? ''}.\n`
    pages.set(`${word}.md`, `${title}\n${mine.map(section).join('\n')}`)
  }
  pages.set('exit-status.md', exitStatusPage())
  const index = words.map(word => `- [${word}](${word}.md): ${declared.get(word)?.summary ?? groups[word] ?? ''}`)
  pages.set('README.md', `# Reference\n\n${INTRODUCTION}\n\n${index.join('\n')}\n- [exit statuses](exit-status.md)\n`)
  return pages
}

function section(command: Command): string {
  const parts = [`## ${command.path}`, `${command.summary}.`, `\`\`\`\n${synopsis(command)}\n\`\`\``]
  if (command.description !== undefined) parts.push(command.description)
  const places = Object.values(command.params).flatMap(param =>
    param.place === 'option' ? [] : [`| \`${placeText(param)}\` | ${cell(param.help)} |`],
  )
  if (places.length > 0) parts.push(`| argument | |\n|---|---|\n${places.join('\n')}`)
  const options = optionsOf(command.params).map(([key, option]) => {
    const initial =
      option.initial === undefined || option.initial === false || Array.isArray(option.initial)
        ? ''
        : ` Default: \`${String(option.initial)}\`.`
    const values =
      option.values === undefined ? '' : ` One of ${option.values.map(value => `\`${value}\``).join(', ')}.`
    return `| \`${spellings(key, option).join('`, `')}\` | ${cell(option.help)}.${initial}${values} |`
  })
  if (options.length > 0) parts.push(`| option | |\n|---|---|\n${options.join('\n')}`)
  const examples = (command.examples ?? []).map(example => `${example.explains}\n\n\`\`\`sh\n${example.line}\n\`\`\``)
  parts.push(...examples, ...resultTable(command), statusLine(command))
  return `${parts.join('\n\n')}\n`
}

/** What a script reads of the command. */
function resultTable({ result, output }: Command): string[] {
  if (result === undefined) return output === 'bytes' ? ['Prints bytes.'] : []
  const rows = resultFields(result).map(line => {
    const [, name = '', type = ''] = /^(.*?) ?(\S+)$/.exec(line) ?? []
    return `| ${name === '' ? '' : `\`${name}\``} | ${cell(type)} |`
  })
  return [`| result with \`--json\` | |\n|---|---|\n${rows.join('\n')}`]
}

/** The kinds of failure that a command may end with, by what it needs; bugs and signals end every one. */
const KINDS: Readonly<Record<Needs, readonly FailureKind[]>> = {
  nothing: ['failed', 'usage', 'timeout', 'partial'],
  repo: ['failed', 'usage', 'not-found', 'timeout', 'network', 'data-mismatch', 'partial', 'no-repo', 'locked'],
  network: ['failed', 'usage', 'not-found', 'timeout', 'network', 'partial', 'no-repo', 'locked'],
  daemon: ['failed', 'usage', 'not-found', 'timeout', 'network', 'partial', 'no-repo', 'needs-daemon'],
}

function statusLine({ path, needs }: Command): string {
  const kinds = path === 'daemon' ? KINDS.repo : KINDS[needs]
  const statuses = [0, ...kinds.map(kind => EXIT_STATUS[kind].status)]
  return `[Statuses](exit-status.md): ${statuses.join(', ')}.`
}

function exitStatusPage(): string {
  const rows = Object.entries(EXIT_STATUS).map(
    ([kind, { status, meaning }]) => `| ${status} | \`${kind}\` | ${cell(meaning)} |`,
  )
  return `# Exit statuses\n\nThe kind of a failure decides the status. \`--enc=json\` prints the kind.\n\n| status | kind | meaning |\n|---|---|---|\n| 0 | | done |\n${rows.join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
