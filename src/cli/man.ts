import type { Command } from '../contract/command.ts'
import { EXIT_STATUS } from '../contract/failure.ts'
import type { Option } from '../contract/params.ts'
import { globalOptions } from './global-options.ts'
import { optionsOf, placeText, spellings, synopsisOptions } from './help.ts'

/** What a manual says of itself. The day is that of the version, so that the same sources give the same bytes. */
export interface ManualInfo {
  readonly version: string
  /** `2026-11-24`. */
  readonly date: string
}

/** A page below or beside another. */
export interface ManualRow {
  readonly path: string
  readonly summary: string
}

/** Returns the manual page of one command, in man(7) macros. */
export function commandManual(command: Command, children: readonly ManualRow[], info: ManualInfo): string {
  const lines = [
    header(pageName(command.path), '1', info),
    '.SH NAME',
    `${esc(pageName(command.path))} \\- ${esc(lowerFirst(command.summary))}`,
  ]
  lines.push('.SH SYNOPSIS', `.B tsipfs ${esc(command.path)}`)
  for (const option of synopsisOptions(command.params)) lines.push(`.RI [ ${quote(esc(option))} ]`)
  for (const param of Object.values(command.params))
    if (param.place !== 'option') lines.push(`.I ${esc(placeText(param))}`)
  lines.push('.SH DESCRIPTION', ...paragraphs(command.description ?? `${command.summary}.`))
  if (command.deprecated === true) lines.push('.PP', 'This command is deprecated.')
  if (command.experimental === true) lines.push('.PP', 'This command is experimental.')
  const places = Object.values(command.params).flatMap(param => (param.place === 'option' ? [] : [param]))
  if (places.length > 0) {
    lines.push('.SH ARGUMENTS')
    for (const param of places) lines.push('.TP', `.I ${esc(placeText(param))}`, `${esc(param.help)}.`)
  }
  const options = optionsOf(command.params)
  if (options.length > 0) lines.push('.SH OPTIONS', ...options.flatMap(([key, option]) => optionLines(key, option)))
  if (children.length > 0) lines.push('.SH SUBCOMMANDS', ...children.flatMap(childLines))
  const examples = command.examples ?? []
  if (examples.length > 0) {
    lines.push('.SH EXAMPLES')
    for (const example of examples) lines.push('.TP', `.B ${esc(example.line)}`, esc(example.explains))
  }
  lines.push(...seeAlso(command.path))
  return `${lines.join('\n')}\n`
}

/** Returns the manual page of a word that only holds commands together. */
export function groupManual(path: string, summary: string, children: readonly ManualRow[], info: ManualInfo): string {
  const lines = [
    header(pageName(path), '1', info),
    '.SH NAME',
    `${esc(pageName(path))} \\- ${esc(lowerFirst(summary))}`,
  ]
  lines.push('.SH SYNOPSIS', `.B tsipfs ${esc(path)}`, '.I command', '.SH DESCRIPTION', `${esc(summary)}.`)
  lines.push('.SH SUBCOMMANDS', ...children.flatMap(childLines), ...seeAlso(path))
  return `${lines.join('\n')}\n`
}

/** Returns the manual page of the program. */
export function programManual(children: readonly ManualRow[], info: ManualInfo): string {
  const lines = [
    header('tsipfs', '1', info),
    '.SH NAME',
    'tsipfs \\- the IPFS command line for shell scripts and CI pipelines',
    '.SH SYNOPSIS',
    '.B tsipfs',
    '.RI [ global-options ]',
    '.I command',
    '.RI [ options ]',
    '.RI [ arguments ]',
    '.SH DESCRIPTION',
    'One executable, no set-up, no daemon needed. Commands, options, standard output and CIDs are those of Kubo\\(aqs',
    '.BR ipfs .',
    'Any number of commands may run at the same time on one repo, with a daemon beside them or without.',
    '.PP',
    'The result goes to standard output, everything else to standard error.',
    '.SH COMMANDS',
    ...children.flatMap(childLines),
    '.SH GLOBAL OPTIONS',
    ...Object.entries(globalOptions).flatMap(([key, option]) => optionLines(key, option)),
    '.SH SEE ALSO',
    '.BR tsipfs-exit-status (7),',
    '.BR tsipfs-output (7),',
    '.BR tsipfs-environment (7),',
    '.BR tsipfs-config (5)',
  ]
  return `${lines.join('\n')}\n`
}

/** Returns the manual page of the exit statuses, from the one table that holds them. */
export function exitStatusManual(info: ManualInfo): string {
  const lines = [
    header('tsipfs-exit-status', '7', info),
    '.SH NAME',
    'tsipfs-exit-status \\- what the exit statuses of tsipfs mean',
  ]
  lines.push(
    '.SH DESCRIPTION',
    'The kind of a failure alone decides the status. With',
    '.B \\-\\-enc=json',
    'a failure is one line of JSON on standard error, with its kind in the field',
    '.BR kind .',
  )
  lines.push('.TP', '.B 0', 'Done.')
  for (const [kind, { status, meaning }] of Object.entries(EXIT_STATUS)) {
    lines.push('.TP', `.B ${status}`, `${esc(upperFirst(meaning))} (${esc(kind)}).`)
  }
  lines.push('.SH SEE ALSO', '.BR tsipfs (1)')
  return `${lines.join('\n')}\n`
}

/** Returns a manual page of section 5 or 7 from terms and what they mean. */
export function topicManual(
  topic: {
    name: string
    section: string
    summary: string
    text: string
    terms: readonly (readonly [string, string])[]
  },
  info: ManualInfo,
): string {
  const lines = [
    header(topic.name, topic.section, info),
    '.SH NAME',
    `${esc(topic.name)} \\- ${esc(topic.summary)}`,
    '.SH DESCRIPTION',
    ...paragraphs(topic.text),
  ]
  for (const [term, meaning] of topic.terms) lines.push('.TP', `.B ${esc(term)}`, esc(meaning))
  lines.push('.SH SEE ALSO', '.BR tsipfs (1)')
  return `${lines.join('\n')}\n`
}

/** Returns a manual page whose body is there already. */
export function bodyManual(
  topic: { name: string; section: string; summary: string },
  body: readonly string[],
  info: ManualInfo,
): string {
  const head = [header(topic.name, topic.section, info), '.SH NAME', `${esc(topic.name)} \\- ${esc(topic.summary)}`]
  return `${[...head, ...body, '.SH SEE ALSO', '.BR tsipfs (1)'].join('\n')}\n`
}

/** Returns the name of the page of a command: `tsipfs-pin-add`. */
export function pageName(path: string): string {
  return `tsipfs-${path.replaceAll(' ', '-')}`
}

function header(name: string, section: string, info: ManualInfo): string {
  const words = [name.toUpperCase(), section, info.date, `tsipfs ${info.version}`, 'tsipfs manual']
  return `.TH ${words.map(quote).join(' ')}`
}

function childLines(row: ManualRow): string[] {
  return ['.TP', `.BR ${esc(pageName(row.path))} (1)`, `${esc(row.summary)}.`]
}

function optionLines(key: string, option: Option): string[] {
  const words = [`${esc(option.help)}.`]
  const initial = option.initial
  if (initial !== undefined && initial !== false && initial !== '' && !Array.isArray(initial))
    words.push(`Default: ${esc(String(initial))}.`)
  if (option.values !== undefined) words.push(`One of: ${esc(option.values.join(', '))}.`)
  if (option.deprecated === true) words.push('Deprecated.')
  if (option.experimental === true) words.push('Experimental.')
  return ['.TP', `.B ${esc(spellings(key, option).reverse().join(', '))}`, words.join('\n')]
}

function seeAlso(path: string): string[] {
  const parent = path.includes(' ') ? pageName(path.slice(0, path.lastIndexOf(' '))) : 'tsipfs'
  return ['.SH SEE ALSO', `.BR ${esc(parent)} (1),`, '.BR tsipfs-exit-status (7)']
}

function paragraphs(text: string): string[] {
  const lines: string[] = []
  for (const [index, paragraph] of text
    .trim()
    .split(/\n\s*\n/)
    .entries()) {
    if (index > 0) lines.push('.PP')
    const isCode = paragraph.split('\n').every(line => line.startsWith('  '))
    if (isCode) lines.push('.nf', ...paragraph.split('\n').map(line => esc(line)), '.fi')
    else lines.push(...paragraph.split('\n').map(line => esc(line.trim())))
  }
  return lines
}

/** Escapes what troff would take for a request or an escape; hyphens of options stay hyphens. */
function esc(text: string): string {
  const safe = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
  return /^[.']/.test(safe) ? `\\&${safe}` : safe
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '\\(dq')}"`
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
