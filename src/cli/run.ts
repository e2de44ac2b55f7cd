import { groups } from '../commands/groups.ts'
import { commands, summaries } from '../commands/index.ts'
import type { Call, Caller, Command, Executor, Output, View } from '../contract/command.ts'
import { EXIT_STATUS, Failure, failureToRecord, firstError, isAbort, systemFailure } from '../contract/failure.ts'
import type { Io, Sink } from '../contract/io.ts'
import type { Params } from '../contract/params.ts'
import type { SourceEntry } from '../contract/source.ts'
import { TIMED_OUT, timedOutText } from '../contract/timed-out.ts'
import type { FetchState } from '../node/exchange.ts'
import { argumentsOfRuns } from './arguments.ts'
import type { CiOutputs, CiSystem } from './ci.ts'
import { coloursOf, wantsColour } from './colour.ts'
import { renderJson } from './encode.ts'
import { escapeControls } from './escape-controls.ts'
import { chooseExecutor } from './executors.ts'
import { type Found, findCommand } from './find-command.ts'
import { type GlobalValues, toGlobals } from './global-options.ts'
import { commandHelp, groupHelp, type HelpRow, programHelp } from './help.ts'
import { type Parsed, parse } from './parse.ts'
import { createProgress, fetchText, type ProgressKind } from './progress.ts'
import type { Template } from './template.ts'
import { openTickets } from './tickets.ts'

/** Runs one command line and returns the exit status. Prints failures; throws nothing. */
export async function run(io: Io): Promise<number> {
  try {
    return await runCommandLine(io)
  } catch (error) {
    return await report(error, io)
  }
}

async function runCommandLine(io: Io): Promise<number> {
  if (io.args[0] === '--version') return await runCommandLine({ ...io, args: ['version', ...io.args.slice(1)] })
  if (io.args[0] === 'complete') {
    const { complete } = await import('./complete.ts')
    await complete(io.args.slice(io.args[1] === '--' ? 2 : 1), io)
    return 0
  }
  if (io.args[0] === 'help') return await runCommandLine({ ...io, args: [...io.args.slice(1), '--help'] })
  const found = commandOf(io.args)
  const help = askedHelp(found.rest)
  const load = commands[found.path]
  if (load === undefined || help !== undefined) {
    if (found.unknown !== undefined && (help === undefined || load === undefined))
      throw unknownCommand(found.path, found.unknown)
    if (load === undefined) await parse({ path: found.path, params: {} }, found.rest)
    await io.out.write(await helpText(found.path, help === 'short', io))
    return 0
  }
  if (found.stray !== undefined) {
    throw new Failure('usage', `unknown option '${found.stray}'`, { hint: 'options of a command come behind it' })
  }
  const command = await load()
  const parsed = await parse(command, found.rest, await paramsAbove(found))
  return await runCommand(command, parsed, io)
}

function commandOf(args: readonly string[]): Found {
  const isCommand = (path: string): boolean => Object.hasOwn(commands, path)
  const isPrefix = (path: string): boolean =>
    Object.hasOwn(groups, path) || Object.keys(commands).some(name => name.startsWith(`${path} `))
  return findCommand(args, isCommand, isPrefix)
}

/** Returns the parameters of the commands above one, when options are given that may be theirs. */
async function paramsAbove({ path, rest }: Found): Promise<readonly Params[]> {
  if (!rest.some(token => token.startsWith('-'))) return []
  const words = path.split(' ')
  const above = words.slice(1).flatMap((_, at) => commands[words.slice(0, at + 1).join(' ')] ?? [])
  return (await Promise.all(above.map(load => load()))).map(({ params }) => params)
}

async function runCommand(command: Command, parsed: Parsed, processIo: Io): Promise<number> {
  const globals = toGlobals(parsed.globals)
  const { timeoutMs } = globals
  const timeout = timeoutMs === undefined ? undefined : timeLimit(timeoutMs, processIo)
  const signal = timeout === undefined ? processIo.signal : AbortSignal.any([processIo.signal, timeout])
  const io: Io = timeout === undefined ? processIo : { ...processIo, stdin: cutShort(processIo.stdin, timeout) }
  let fetched: FetchState | undefined
  const onFetch = (state: FetchState): void => {
    fetched = state
  }
  const caller: Running = { io, globals, signal, onFetch: timeout === undefined ? undefined : onFetch }
  try {
    if (command.needs !== 'nothing') timeout?.throwIfAborted()
    const runs = await argumentsOfRuns(command, parsed, io)
    const [first] = runs
    if (runs.length === 1 && first !== undefined) await runOnce(command, first, caller)
    else await runEach(command, runs, { ...caller, io: { ...io, endsWithCommand: false } })
    return 0
  } catch (error) {
    if (timeout?.aborted === true && !processIo.signal.aborted && (isAbort(error) || isTimeout(error))) {
      // A node that the command was sent to has said it, and how far it came.
      const isSaid = error instanceof Failure && error.message.startsWith(TIMED_OUT)
      const text = isSaid ? error.message : timedOutText(String(parsed.globals.timeout), fetched)
      throw new Failure('timeout', text, { hint: 'allow more with --timeout', cause: error })
    }
    throw error
  }
}

/**
 * Returns a signal that aborts when time is up. The limit is one on the whole process where that ends with the command;
 * one that has passed already aborts nothing later, but now: `--timeout=1ns` never lets a quick command through.
 */
function timeLimit(limitMs: number, io: Io): AbortSignal {
  const leftMs = io.endsWithCommand === true ? limitMs - performance.now() : limitMs
  if (leftMs > 0 && limitMs > 0) return AbortSignal.timeout(leftMs)
  return AbortSignal.abort(new DOMException('the time limit has passed', 'TimeoutError'))
}

/** A command line that is being carried out. */
interface Running extends Caller {
  /** Is told how far a fetch is, where that will be said. */
  readonly onFetch: ((state: FetchState) => void) | undefined
}

async function runOnce(command: Command, asked: Parsed, caller: Running): Promise<void> {
  const { io, signal, onFetch } = caller
  const { parsed, peers } = await openTickets(command, asked)
  const globals =
    peers.length === 0 ? caller.globals : { ...caller.globals, peers: [...caller.globals.peers, ...peers] }
  const progress = progressKind(command, parsed, io)
  const template = await templateOf(command, parsed.globals)
  const input = Object.hasOwn(command.params, 'progress') ? withProgress(parsed, progress, template) : parsed.input
  command.check?.(input)
  const source = await openSource(command, input, parsed, caller)
  let length: number | undefined
  const line = createProgress(
    progress,
    io.err,
    () => io.terminal.columns,
    () => performance.now(),
  )
  const fetching = (state: FetchState): void => {
    onFetch?.(state)
    line.note?.(fetchText(state))
  }
  const answer = {
    begin: () => undefined,
    length: (bytes: number) => {
      length = bytes
    },
    fetching: progress === 'none' && onFetch === undefined ? undefined : fetching,
  }
  const call: Call = { input, source, globals, signal, answer }
  await using executor: Executor = await chooseExecutor(command, parsed.globals, globals, io)
  const view = { ...(await createView(command, call, parsed, io, progress)), length: () => length, progress: line }
  const ci = await ciOutputs(command, parsed.globals, io)
  const results = executor.execute(command, call)
  const outputs = command.receive?.(results, input, { io, globals, signal }) ?? results
  try {
    await show(command, ci === undefined ? outputs : ci.outputs.watch(outputs), view, parsed.globals, template)
  } finally {
    await view.progress.clear()
  }
  await ci?.outputs.tell(ci.system, io)
}

/** Returns what collects results for the CI system; undefined where there is none, or nothing to tell it. */
async function ciOutputs(
  command: Command,
  values: GlobalValues,
  { env }: Io,
): Promise<{ outputs: CiOutputs; system: CiSystem } | undefined> {
  if (command.outputs === undefined || !mayBeCi(textOf(values.ci), env)) return undefined
  const { ciSystem, CiOutputs } = await import('./ci.ts')
  const system = ciSystem(textOf(values.ci), env)
  return system === 'none' ? undefined : { outputs: new CiOutputs(command), system }
}

/** Elsewhere the module is not even loaded. */
function mayBeCi(option: string | undefined, env: Io['env']): boolean {
  return (option ?? env.TSIPFS_CI) !== undefined || env.GITHUB_ACTIONS !== undefined || env.GITLAB_CI !== undefined
}

/** Runs a command that takes one argument for each that came from standard input, and goes on when one fails. */
async function runEach(command: Command, runs: readonly Parsed[], caller: Running): Promise<void> {
  const { io, signal } = caller
  const kinds = new Set<Failure['kind']>()
  let failed = 0
  for (const parsed of runs) {
    try {
      await runOnce(command, parsed, caller)
    } catch (error) {
      const failure = toFailure(error, signal)
      const isOwn = failure.kind !== 'bug' && failure.kind !== 'closed-pipe' && failure.kind !== 'timeout'
      if (signal.aborted || !isOwn) throw error
      kinds.add(failure.kind)
      failed += 1
      await report(error, io)
    }
  }
  if (failed === 0) return
  const [kind = 'partial'] = kinds
  const hasOne = kinds.size === 1 && failed === runs.length
  throw new Failure(hasOne ? kind : 'partial', `${failed} of ${runs.length} failed`)
}

/** Yields what comes until the signal aborts, whoever is still waiting for more. */
async function* cutShort(input: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  // It may abort when nobody waits any more.
  aborted.catch(() => undefined)
  for (;;) {
    signal.throwIfAborted()
    const next = await Promise.race([iterator.next(), aborted])
    if (next.done === true) return
    yield next.value
  }
}

/** A progress switch that was not given follows the terminal: a command then only reports what somebody sees. */
function withProgress({ input, given }: Parsed, kind: ProgressKind, template: Template | undefined): Call['input'] {
  if (template !== undefined) return { ...input, progress: false }
  return given.has('progress') ? input : { ...input, progress: kind !== 'none' }
}

function progressKind(command: Command, parsed: Parsed, io: Io): ProgressKind {
  const asked = parsed.globals.progress
  if (asked === 'bar' || asked === 'plain' || asked === 'json' || asked === 'none') return asked
  if (parsed.given.has('progress') && Object.hasOwn(command.params, 'progress')) {
    if (parsed.input.progress === false) return 'none'
    return io.terminal.err ? 'bar' : 'plain'
  }
  const isQuiet = encodingOf(parsed.globals) !== 'text' || textOf(parsed.globals.template) !== undefined
  return io.terminal.err && !isQuiet && io.env.TERM !== 'dumb' ? 'bar' : 'none'
}

async function openSource(
  command: Command,
  input: Call['input'],
  { paths, globals }: Parsed,
  caller: Caller,
): Promise<AsyncIterable<SourceEntry>> {
  if (command.source !== undefined) return command.source(input, paths, caller)
  const param = Object.values(command.params).find(param => param.place === 'files')
  if (param === undefined || (paths.length === 0 && !param.stdin)) return noSource()
  if (Object.hasOwn(input, 'watch') && input.watch === true) {
    if (globals.api !== undefined)
      throw new Failure('usage', '--watch works on this machine', { hint: 'leave out --api' })
    return (await import('./watch-files.ts')).watchFiles(paths, caller, input)
  }
  const { readFiles } = await import('./read-files.ts')
  return readFiles(paths, caller, param, input)
}

async function* noSource(): AsyncIterable<SourceEntry> {
  // The command takes no files, or none was named.
}

async function createView(
  command: Command,
  call: Call,
  parsed: Parsed,
  io: Io,
  kind: ProgressKind,
): Promise<Omit<View, 'progress'>> {
  const isColoured = wantsColour(textOf(parsed.globals.color), io.env, io.terminal.out)
  return {
    io,
    globals: call.globals,
    signal: call.signal,
    input: call.input,
    out: parsed.globals.null === true ? nullTerminated(io.out) : io.out,
    lineEnd: parsed.globals.null === true ? '\0' : undefined,
    err: io.err,
    showsProgress: kind !== 'none',
    colour: await coloursOf(isColoured && command.render !== undefined),
  }
}

/** Turns the newline that ends each piece of output into NUL, so that names with newlines can be told apart. */
function nullTerminated(out: Sink): Sink {
  return {
    write: chunk => out.write(typeof chunk === 'string' ? chunk.replace(/\n$/, '\0') : chunk),
  }
}

async function templateOf(command: Command, values: GlobalValues): Promise<Template | undefined> {
  const text = textOf(values.template)
  return text === undefined ? undefined : new (await import('./template.ts')).Template(text, command)
}

async function show(
  command: Command,
  outputs: AsyncIterable<Output>,
  view: View,
  values: GlobalValues,
  template: Template | undefined,
): Promise<void> {
  const encoding = encodingOf(values)
  if (template !== undefined) return await template.print(outputs, values.null === true ? '\0' : '\n', view)
  // Bytes have one form, and a command that saves them in files does so whatever the encoding.
  if (command.output === 'bytes' && command.render !== undefined) return await command.render(outputs, view)
  if (encoding === 'json') return await renderJson(outputs, view, command.progressOf)
  if (encoding === 'xml') return await (await import('./xml.ts')).renderXml(outputs, command.path, view)
  if (command.render === undefined) return await renderJson(outputs, view, command.progressOf)
  await command.render(outputs, view)
}

function encodingOf(values: GlobalValues): string {
  return values.json === true ? 'json' : (textOf(values.encoding) ?? 'text')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** Returns which help the words ask for. What follows `--` is data. */
function askedHelp(rest: readonly string[]): 'long' | 'short' | undefined {
  const end = rest.indexOf('--')
  const words = end < 0 ? rest : rest.slice(0, end)
  if (words.includes('--help')) return 'long'
  return words.includes('-h') ? 'short' : undefined
}

async function helpText(path: string, short: boolean, io: Io): Promise<string> {
  const children = childrenOf(path)
  const { columns } = io.terminal
  if (path === '') return programHelp(children, columns, short)
  const command = await commands[path]?.()
  if (command === undefined) return groupHelp(path, groups[path] ?? '', children, columns)
  return commandHelp(command, children, short, columns)
}

function childrenOf(path: string): HelpRow[] {
  const prefix = path === '' ? '' : `${path} `
  const texts: Readonly<Record<string, string>> = { ...groups, ...summaries() }
  const names = new Set<string>()
  for (const name of Object.keys(texts)) {
    if (name.startsWith(prefix) && name !== path) names.add(name.slice(prefix.length).split(' ')[0] ?? '')
  }
  return [...names].sort().map(name => ({ name, text: texts[`${prefix}${name}`] ?? '' }))
}

function unknownCommand(path: string, word: string): Failure {
  const prefix = path === '' ? '' : `${path} `
  const known = [...Object.keys(commands), ...Object.keys(groups)]
    .filter(name => name.startsWith(prefix))
    .map(name => name.slice(prefix.length).split(' ')[0] ?? '')
  const near = nearest(word, [...new Set(known)])
  const hint = near === undefined ? `see tsipfs ${prefix}--help` : `did you mean ${prefix}${near}?`
  return new Failure('usage', `unknown command "${prefix}${word}"`, { hint })
}

/** Returns the name that is at most two letters away; undefined when there is none. */
function nearest(word: string, names: readonly string[]): string | undefined {
  const scored = names
    .map(name => ({ name, distance: editDistance(word, name) }))
    .sort((a, b) => a.distance - b.distance)
  const best = scored[0]
  return best !== undefined && best.distance <= 2 && best.distance < word.length ? best.name : undefined
}

/** Two letters that changed places are one mistake. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwap ? at(i - 2, j - 2) + 1 : change
      row.push(Math.min(change, swap, at(i - 1, j) + 1, at(i, j - 1) + 1))
    }
  }
  return at(a.length, b.length)
}

/** Whether the words ask for failures in JSON: they are all there is when the options cannot be parsed. */
async function wantsJson(args: readonly string[]): Promise<boolean> {
  const isAsked = args.some(
    (token, index) =>
      /^--enc(oding)?=json$/.test(token) || (/^--enc(oding)?$/.test(token) && args[index + 1] === 'json'),
  )
  if (isAsked || !args.includes('--json')) return isAsked
  // To some commands it says something else.
  const command = await commands[commandOf(args).path]?.()
  return command === undefined || !Object.hasOwn(command.params, 'json')
}

function isTimeout(error: unknown): boolean {
  return error instanceof Failure && (error.kind === 'interrupted' || error.kind === 'timeout')
}

/** Prints a failure and returns its status. A closed pipe, an interrupt: nothing is left to say. */
async function report(error: unknown, io: Io): Promise<number> {
  const failure = toFailure(error, io.signal)
  const { status } = EXIT_STATUS[failure.kind]
  if (failure.kind === 'closed-pipe' || failure.quiet) return status
  const isJson = await wantsJson(io.args)
  const isDebug = io.args.includes('--debug') || io.args.includes('-D')
  const lines = isJson ? [JSON.stringify(failureToRecord(failure))] : failureLines(failure, isDebug)
  const annotation = isJson ? undefined : await annotationOf(failure, io)
  if (annotation !== undefined) lines.push(annotation)
  // Standard error itself may be gone; the status still tells.
  await io.err.write(`${lines.join('\n')}\n`).catch(() => undefined)
  return status
}

async function annotationOf(failure: Failure, io: Io): Promise<string | undefined> {
  const option = io.args.find(word => word.startsWith('--ci='))?.slice('--ci='.length)
  if (!mayBeCi(option, io.env)) return undefined
  const { ciSystem, githubAnnotation } = await import('./ci.ts')
  if (ciSystem(option, io.env) !== 'github') return undefined
  return githubAnnotation(failure, `tsipfs ${commandOf(io.args).path}`.trim())
}

function toFailure(thrown: unknown, signal: AbortSignal): Failure {
  const error = firstError(thrown)
  if (signal.aborted && (isAbort(error) || error === signal.reason)) {
    return signal.reason instanceof Failure
      ? signal.reason
      : new Failure('interrupted', 'interrupted', { cause: error })
  }
  const known = systemFailure(error, pathOf(error))
  if (known instanceof Failure) return known
  const text = error instanceof Error ? error.message : String(error)
  return new Failure('bug', `a bug in tsipfs: ${text}`, {
    hint: 'please report it with the command line and the lines below',
    cause: error,
  })
}

function pathOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'path' in error && typeof error.path === 'string')
    return error.path
  return 'system'
}

function failureLines(failure: Failure, debug: boolean): string[] {
  const lines = [`Error: ${escapeControls(failure.message)}`]
  if (failure.hint !== undefined) lines.push(`hint: ${escapeControls(failure.hint)}`)
  const showsStack = failure.kind === 'bug' || debug
  const cause = failure.cause ?? failure
  if (showsStack && cause instanceof Error && cause.stack !== undefined) lines.push(cause.stack)
  return lines
}
