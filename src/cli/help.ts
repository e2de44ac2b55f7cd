import type { Command } from '../contract/command.ts'
import { type Option, optionName, type Param, type Params } from '../contract/params.ts'
import { globalOptions } from './global-options.ts'

const PROGRAM = 'tsipfs'

/** Returns the synopsis of a command: `tsipfs cat [--offset=<value>] <ipfs-path>...`. */
export function synopsis(command: Pick<Command, 'path' | 'params'>): string {
  const options = synopsisOptions(command.params).map(option => `[${option}]`)
  const places = Object.values(command.params).flatMap(param => (param.place === 'option' ? [] : [placeText(param)]))
  return [`${PROGRAM} ${command.path}`, ...options, ...(places.length > 0 ? ['[--]'] : []), ...places].join(' ')
}

/** Returns the usage line without options. */
export function usageLine(command: Pick<Command, 'path' | 'params' | 'summary'>): string {
  const places = Object.values(command.params).flatMap(param => (param.place === 'option' ? [] : [placeText(param)]))
  return `${[`${PROGRAM} ${command.path}`, ...places].join(' ')} - ${command.summary}.`
}

/** Returns the help of one command. `short` leaves out the description and global options, as `-h` does. */
export function commandHelp(command: Command, children: readonly HelpRow[], short: boolean, columns: number): string {
  const sections: [string, string][] = [['USAGE', usageLine(command)]]
  const examples = command.examples ?? []
  if (examples.length > 0) {
    sections.push(['EXAMPLES', examples.map(example => `${example.line}\n    ${example.explains}`).join('\n')])
  }
  if (!short) sections.push(['SYNOPSIS', wrap(synopsis(command), columns - 6, '    ')])
  const places = Object.values(command.params).flatMap(param =>
    param.place === 'option' ? [] : [{ name: placeText(param), text: `${param.help}.` }],
  )
  if (places.length > 0) sections.push(['ARGUMENTS', table(places, columns)])
  const options = optionsOf(command.params).map(([key, option]) => optionRow(key, option))
  if (options.length > 0) sections.push(['OPTIONS', table(options, columns)])
  if (!short && command.description !== undefined)
    sections.push(['DESCRIPTION', wrap(command.description, columns - 4, '')])
  if (children.length > 0) sections.push(['SUBCOMMANDS', childTable(command.path, children, columns)])
  const more = short
    ? `Use '${PROGRAM} ${command.path} --help' for more.\n`
    : `Global options: see '${PROGRAM} --help'.\n`
  return `${render(sections)}\n${more}`
}

export interface HelpRow {
  readonly name: string
  readonly text: string
}

/** Returns the help of a word that only holds commands together. */
export function groupHelp(path: string, summary: string, children: readonly HelpRow[], columns: number): string {
  return `${render([
    ['USAGE', `${PROGRAM} ${path} <command> - ${summary}.`],
    ['SUBCOMMANDS', childTable(path, children, columns)],
  ])}\nUse '${PROGRAM} ${path} <command> --help' for more about a command.\n`
}

const TOPICS: readonly (readonly [string, readonly string[]])[] = [
  ['BASIC COMMANDS', ['init', 'add', 'cat', 'get', 'ls', 'refs', 'resolve']],
  ['DATA', ['block', 'dag', 'files', 'pin', 'repo', 'filestore', 'object']],
  ['TEXT AND NAMES', ['cid', 'multibase', 'key', 'name']],
  [
    'NETWORK',
    ['daemon', 'shutdown', 'id', 'swarm', 'pubsub', 'ping', 'routing', 'provide', 'bitswap', 'bootstrap', 'p2p'],
  ],
  ['TOOL', ['config', 'version', 'commands', 'diag', 'stats', 'log', 'update', 'mount']],
]

/** Returns the help of the program itself. */
export function programHelp(children: readonly HelpRow[], columns: number, short: boolean): string {
  const left = new Map(children.map(row => [row.name, row]))
  const sections: [string, string][] = [
    [
      'USAGE',
      wrap(
        `${PROGRAM} [--repo-dir=<path>] [--offline] [--json] [--timeout=<duration>] <command> ...`,
        columns - 6,
        '    ',
      ),
    ],
    [
      'EXAMPLES',
      `${PROGRAM} add ./dir\n    Store a folder, print its CID.\n${PROGRAM} cat <cid>\n    Print a file.\n${PROGRAM} get <cid> -o out\n    Fetch a file or folder.`,
    ],
  ]
  for (const [title, names] of TOPICS) {
    const rows = names.flatMap(name => left.get(name) ?? [])
    for (const row of rows) left.delete(row.name)
    if (rows.length > 0) sections.push([title, table(rows, columns)])
  }
  if (left.size > 0) sections.push(['OTHER COMMANDS', table([...left.values()], columns)])
  if (!short) {
    const options = Object.entries(globalOptions).map(([key, option]) => optionRow(key, option))
    sections.push(['GLOBAL OPTIONS', table(options, columns)])
    sections.push([
      'EXIT STATUS',
      wrap(
        '0 done; 1 failed; 2 usage; 3 not found; 4 timed out; 5 network; 6 data does not match its CID; 8 partly done; 10 no repo; 11 locked; 12 needs a daemon; 70 a bug; 130/143 interrupted.',
        columns - 4,
        '',
      ),
    ])
  }
  return `${render(sections)}\nUse '${PROGRAM} <command> --help' for more about a command.\n`
}

/** Returns every spelling of an option with its placeholder. */
export function spellings(key: string, option: Option): string[] {
  const name = optionName(key, option)
  const value = option.kind === 'flag' ? '' : `=<${option.placeholder ?? 'value'}>`
  const long = name.length > 1 ? [`--${name}${value}`] : []
  const short = option.short === undefined ? [] : [`-${option.short}${name.length === 1 ? value : ''}`]
  return [...long, ...short]
}

/** Returns the options among the parameters of a command. */
export function optionsOf(params: Params): [string, Option][] {
  return Object.entries(params).flatMap(([key, param]) =>
    param.place === 'option' ? [[key, param] as [string, Option]] : [],
  )
}

function optionRow(key: string, option: Option): HelpRow {
  const initial = option.initial
  const isWorthSaying = initial !== undefined && initial !== false && initial !== '' && !Array.isArray(initial)
  const words = [`${option.help}.`]
  if (isWorthSaying) words.push(`Default: ${String(initial)}.`)
  if (option.values !== undefined) words.push(`One of: ${option.values.join(', ')}.`)
  if (option.deprecated === true) words.push('Deprecated.')
  if (option.experimental === true) words.push('Experimental.')
  return { name: spellings(key, option).reverse().join(', '), text: words.join(' ') }
}

/** Returns each option as a synopsis shows it: `--offset=<value> | -o`. */
export function synopsisOptions(params: Params): string[] {
  return optionsOf(params).map(([key, option]) => spellings(key, option).join(' | '))
}

/** Returns an argument as a synopsis shows it: `<path>...`, in brackets when it may be left out. */
export function placeText(param: Exclude<Param, Option>): string {
  const name = `<${param.label}>${param.many ? '...' : ''}`
  return param.optional || (param.place === 'files' && param.stdin) ? `[${name}]` : name
}

function childTable(path: string, children: readonly HelpRow[], columns: number): string {
  return table(
    children.map(row => ({ name: `${PROGRAM} ${path} ${row.name}`, text: row.text })),
    columns,
  )
}

function table(rows: readonly HelpRow[], columns: number): string {
  const width = Math.min(30, Math.max(...rows.map(row => row.name.length)))
  const indent = ' '.repeat(width + 2)
  return rows
    .map(row => {
      const text = wrap(row.text, Math.max(20, columns - width - 6), indent)
      return row.name.length > width ? `${row.name}\n${indent}${text}` : `${row.name.padEnd(width + 2)}${text}`
    })
    .join('\n')
}

function render(sections: readonly [string, string][]): string {
  return sections.map(([title, body]) => `${title}\n${body.replace(/^(?=.)/gm, '  ')}\n`).join('\n')
}

/** Breaks lines at spaces; paragraphs and lines that begin with a space stay as they are. */
function wrap(text: string, width: number, indent: string): string {
  const breakLine = (line: string): string => {
    if (line.startsWith(' ')) return line
    const lines: string[] = ['']
    for (const word of line.split(' ')) {
      const last = lines[lines.length - 1] ?? ''
      if (last !== '' && last.length + 1 + word.length > width) lines.push(word)
      else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
    }
    return lines.join(`\n${indent}`)
  }
  return text.split('\n').map(breakLine).join('\n')
}
