import type { FetchState } from '../node/exchange.ts'
import type { Node } from '../node/node.ts'
import type { Globals } from './globals.ts'
import type { Io, Sink } from './io.ts'
import type { Input, Params } from './params.ts'
import type { Shape } from './shape.ts'
import type { SourceEntry } from './source.ts'

/**
 * What must be there before `run` starts.
 * `nothing`: not even a repo. `repo`: a repo, opened in this process. `network`: a node on the network, the daemon's
 * when there is one. `daemon`: a running daemon, whose state the command is about.
 */
export type Needs = 'nothing' | 'repo' | 'network' | 'daemon'

/** A value that survives `JSON.parse(JSON.stringify(x))`: one of Kubo's RPC values, with nothing but added fields. */
// biome-ignore lint/suspicious/noExplicitAny: records are described by each command; a wider type would forbid interfaces
export type Plain = Readonly<Record<string, any>>

/** What `run` yields: records that survive JSON, or bytes. */
export type Output = Plain | Uint8Array

/**
 * How results travel: `value` is one record, `stream` any number of records, each sent at once (NDJSON), `bytes` raw
 * bytes, `nothing` an empty answer.
 */
export type OutputKind = 'value' | 'stream' | 'bytes' | 'nothing'

/** What `run` can tell of its results before the first one. Nobody may be listening: then it does nothing. */
export interface Answer {
  /**
   * The work has begun, and the caller learns it now (`pubsub sub`, once it is subscribed). A failure that comes later
   * reaches clients of the RPC as a trailer only, so what can be refused is refused before.
   */
  begin(): void
  /** So many bytes will follow. */
  length(bytes: number): void
  /** Blocks are being fetched: how far that is, a few times a second. Absent when nobody looks. */
  readonly fetching?: ((state: FetchState) => void) | undefined
}

/** All that `run` may touch. */
export interface Context {
  readonly node: Node
  /** What the caller sent along. Can be read once, and in order. */
  readonly source: AsyncIterable<SourceEntry>
  readonly signal: AbortSignal
  readonly globals: Globals
  /** Where the repo is, or would be: an absolute path. */
  readonly repoPath: string
  /** The same as the caller named it, for commands that need nothing. */
  readonly repoShown?: string | undefined
  readonly answer?: Answer | undefined
  /**
   * So many pieces of bytes, the last ones, are what whoever takes them looks at: memory of those before may be used again.
   * Absent: they are kept.
   */
  readonly heldPieces?: number | undefined
  /** The node that was named with --api, for a command that is not sent there. */
  readonly api?: { readonly address: string; readonly auth: string | undefined } | undefined
}

/** The side that typed the command: where its files are and its text is made. */
export interface Caller {
  readonly io: Io
  readonly globals: Globals
  readonly signal: AbortSignal
}

/** How far a piece of work is: `done` of `total`, both in `unit`; total unknown: undefined. */
export interface ProgressState {
  readonly label?: string
  readonly done: number
  readonly total?: number | undefined
  readonly unit?: 'bytes' | 'items'
}

/** A line on the caller's terminal that shows how far a piece of work is. Does nothing when progress is off. */
export interface Progress {
  /** Cheap: draws at most ten times a second. */
  update(state: ProgressState): void
  /** Shows what the work waits for, at the end of the line. */
  note?(text: string): void
  /** Takes the line away, so that a result can be printed. */
  clear(): Promise<void>
}

/** What `render` works with. */
export interface View<P extends Params = Params> extends Caller {
  readonly input: Input<P>
  /** Standard output: the result. */
  readonly out: Sink
  /** Standard error: everything else. */
  readonly err: Sink
  readonly progress: Progress
  /** What ends each line of text: a newline when not given, NUL with --null. Single lines that end in a newline are turned. */
  readonly lineEnd?: string | undefined
  /** Returns how many bytes the result has, once `run` has told (`Answer.length`) and when that is known here. */
  length?(): number | undefined
  /** True when progress is to be shown (a terminal, or asked for). */
  readonly showsProgress: boolean
  /** The colours for standard output; identity functions when colour is off. */
  readonly colour: Colours
}

/** Those that can be read on light and on dark: yellow and cyan cannot on light, blue on dark only when it is bold. */
export interface Colours {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  blue(text: string): string
  magenta(text: string): string
}

export interface Example {
  /** The command line, beginning with `tsipfs`. */
  readonly line: string
  readonly explains: string
}

/**
 * One command, declared once. The parser, help, man page, completion, RPC endpoint and RPC client are all read from it.
 */
export interface Command<P extends Params = Params, O extends Output = Output> {
  /** The words that name it: `pin add`. */
  readonly path: string
  /** One line in the imperative, without a full stop. */
  readonly summary: string
  /** Paragraphs for help and the man page. */
  readonly description?: string
  readonly examples?: readonly Example[]
  readonly params: P
  readonly needs: Needs
  /** How results travel; depends on the input where Kubo's does (`ls --stream`). The default is `stream`. */
  readonly output?: OutputKind | ((input: Input<P>) => OutputKind)
  /** The media type of bytes as the RPC sends them; `text/plain` when not given. */
  readonly mediaType?: string | ((input: Input<P>) => string)
  /** The shape of each record that `run` yields, for `tsipfs schema`. None for bytes and nothing. */
  readonly result?: Shape
  /**
   * Where items stand of which a line is printed for each (`Keys`, `Objects.*.Links`): what --template goes through.
   * `name` is that of an item which is a single value, or of the key of one in a map; `only` says of which records, by
   * the value of a field.
   */
  readonly items?: { readonly at: string; readonly name?: string; readonly only?: readonly [string, unknown] }
  /**
   * What a CI job takes of the last record that has it: names of outputs, and where the values stand (`Cid./`).
   */
  readonly outputs?: Readonly<Record<string, string>>
  /** A repo that was named but is not there is created, instead of exit 10. */
  readonly createsRepo?: boolean
  /** Without a repo at the default path the command works with a temporary one that ends with it. */
  readonly worksWithoutRepo?: boolean
  /** It writes to the repo: on read-only media it fails at once, with the cause. */
  readonly writes?: boolean
  /** It speaks about the network: with --offline it fails, where others that need a daemon do not heed that. */
  readonly refusesOffline?: boolean
  /** It concerns the caller's machine only: not offered over the RPC, and not sent by `--api`. */
  readonly localOnly?: boolean
  readonly deprecated?: boolean
  readonly experimental?: boolean
  /** Runs with the caller, before anything else: checks what the declaration cannot say. Throws a `usage` Failure. */
  check?(input: Input<P>): void
  /** Runs with the caller: yields the files to send along, in place of what the declaration would find. */
  source?(input: Input<P>, paths: readonly string[], caller: Caller): AsyncIterable<SourceEntry>
  /** Runs where the node is. Prints nothing. */
  run(input: Input<P>, context: Context): AsyncIterable<O>
  /** Runs with the caller: takes what is to be kept there (`add --to-car`) out of what `run` yields, and hands on the rest. */
  receive?(outputs: AsyncIterable<O>, input: Input<P>, caller: Caller): AsyncIterable<O>
  /**
   * Returns what a record says of progress when it says nothing else: with --json too the progress line shows it, and
   * the result does not have it.
   */
  progressOf?(output: O): ProgressState | undefined
  /** Runs with the caller: turns what `run` yields into text. The default prints each record as JSON, bytes as they are. */
  render?(outputs: AsyncIterable<O>, view: View<P>): Promise<void>
}

/** Declares a command; its types are inferred from `params` and from `run`. */
export function defineCommand<const P extends Params, O extends Output>(command: Command<P, O>): Command<P, O> {
  return command
}

/** One request to carry out a command. */
export interface Call<P extends Params = Params> {
  readonly input: Input<P>
  readonly source: AsyncIterable<SourceEntry>
  readonly globals: Globals
  readonly signal: AbortSignal
  readonly answer?: Answer | undefined
}

/** Carries out commands, here or in another node; a caller cannot tell which. */
export interface Executor extends AsyncDisposable {
  /** Leaving the loop early, or aborting `call.signal`, stops the work. Throws only Failures, or bugs. */
  execute<P extends Params, O extends Output>(command: Command<P, O>, call: Call<P>): AsyncIterable<O>
}
