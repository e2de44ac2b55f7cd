/**
 * Parameters of a command, declared once as values. The parser, help, man pages, completion, the RPC and the types of
 * `input` are read from them. A value that `run` receives is a string, number, boolean or list of strings, so that it
 * is the same value on the command line, on the wire and in a test.
 */

interface Described {
  /** One phrase without a full stop. */
  readonly help: string
}

/** A positional argument. */
export interface Argument<T extends string | undefined | readonly string[] = string | undefined | readonly string[]>
  extends Described {
  readonly place: 'argument'
  /** The name in the synopsis: `ipfs-path`. */
  readonly label: string
  readonly optional: boolean
  readonly many: boolean
  /** When no argument is given, they are read from standard input, one a line. */
  readonly stdin: boolean
  /** What completion offers. */
  readonly complete?: Completion | undefined
  /** How it crosses the RPC: `multibase` where Kubo takes bytes (topics); the default is as it is. */
  readonly wire?: 'multibase' | undefined
  readonly type?: T
}

/** Files and folders that the caller sends along: they reach `run` as `context.source`, never as `input`. */
export interface Files extends Described {
  readonly place: 'files'
  readonly label: string
  readonly optional: boolean
  readonly many: boolean
  /** When none is named, standard input is sent. */
  readonly stdin: boolean
  /** Folders may be sent (with `--recursive`, where the command has such an option). */
  readonly folders: boolean
}

export type OptionKind = 'flag' | 'text' | 'texts' | 'int' | 'float'

/** An option. `short` is one letter; `aliases` are further long names, accepted but not shown. */
export interface Option<T = unknown> extends Described {
  readonly place: 'option'
  readonly kind: OptionKind
  /** The name on the command line and on the wire, when it is not the key in kebab-case. */
  readonly name?: string | undefined
  readonly short?: string | undefined
  readonly aliases?: readonly string[] | undefined
  readonly initial?: string | number | boolean | readonly string[] | undefined
  /** The values that are accepted; checked by the parser. */
  readonly values?: readonly string[] | undefined
  /** Values that completion offers; others are accepted too. */
  readonly offers?: readonly string[] | undefined
  readonly placeholder?: string | undefined
  readonly min?: number | undefined
  /** Of a whole number: what is above 2^53 - 1 counts as that, where so much means no bound. */
  readonly saturates?: boolean | undefined
  /** Concerns only how the caller shows results: not sent over the RPC. */
  readonly caller?: boolean | undefined
  readonly experimental?: boolean | undefined
  readonly deprecated?: boolean | undefined
  readonly complete?: Completion | undefined
  readonly type?: T
}

/** Kinds of words that completion finds: files, what lives in the repo or its daemon, what the program knows. */
export type Completion =
  | ('file' | 'folder')
  | ('cid' | 'pin' | 'pin-name' | 'key' | 'mfs' | 'peer' | 'address' | 'topic')
  | ('config' | 'profile' | 'codec' | 'hash' | 'base')

export type Param = Argument | Files | Option
export type Params = Readonly<Record<string, Param>>

/** The value that `run` receives for one parameter. */
export type ValueOf<Q extends Param> = Q extends Files
  ? never
  : Q extends Argument<infer T>
    ? T
    : Q extends Option<infer T>
      ? T
      : never

/** What `run` receives: a value for each parameter, by its key. */
export type Input<P extends Params> = { readonly [K in keyof P as P[K] extends Files ? never : K]: ValueOf<P[K]> }

interface ArgumentExtras {
  readonly stdin?: boolean
  readonly complete?: Completion
  readonly wire?: 'multibase'
}

/** Declares an argument that must be given. */
export function argument(label: string, help: string, extras: ArgumentExtras = {}): Argument<string> {
  return { place: 'argument', label, help, optional: false, many: false, stdin: extras.stdin ?? false, ...extras }
}

/** Declares an argument that may be left out. */
export function optionalArgument(
  label: string,
  help: string,
  extras: ArgumentExtras = {},
): Argument<string | undefined> {
  return { place: 'argument', label, help, optional: true, many: false, stdin: extras.stdin ?? false, ...extras }
}

/** Declares an argument that is given once or more. */
export function argumentList(label: string, help: string, extras: ArgumentExtras = {}): Argument<readonly string[]> {
  return { place: 'argument', label, help, optional: false, many: true, stdin: extras.stdin ?? false, ...extras }
}

/** Declares an argument that is given any number of times. */
export function optionalArgumentList(
  label: string,
  help: string,
  extras: ArgumentExtras = {},
): Argument<readonly string[]> {
  return { place: 'argument', label, help, optional: true, many: true, stdin: extras.stdin ?? false, ...extras }
}

/** Declares files or folders to send along. */
export function files(
  label: string,
  help: string,
  extras: Partial<Omit<Files, 'place' | 'label' | 'help'>> = {},
): Files {
  return { place: 'files', label, help, optional: false, many: true, stdin: true, folders: false, ...extras }
}

type Extras = Omit<Partial<Option>, 'place' | 'kind' | 'help' | 'initial' | 'type'>

/** Declares a switch that is off unless `initial` says otherwise. `--name=false` turns it off. */
export function flag(help: string, extras: Extras & { initial?: boolean } = {}): Option<boolean> {
  return { place: 'option', kind: 'flag', help, ...extras, initial: extras.initial ?? false }
}

/** Declares a switch that is undefined when it was not given, so that the config can decide. */
export function choice(help: string, extras: Extras = {}): Option<boolean | undefined> {
  return { place: 'option', kind: 'flag', help, ...extras }
}

/** Declares an option with a text. */
export function text(help: string, extras?: Extras): Option<string | undefined>
export function text(help: string, extras: Extras & { initial: string }): Option<string>
export function text(help: string, extras: Extras & { initial?: string } = {}): Option<string | undefined> {
  return { place: 'option', kind: 'text', help, ...extras }
}

/** Declares an option that may be given several times. */
export function texts(help: string, extras: Extras = {}): Option<readonly string[]> {
  return { place: 'option', kind: 'texts', help, initial: [], ...extras }
}

/** Declares an option with a whole number of at most 2^53 - 1. */
export function int(help: string, extras?: Extras): Option<number | undefined>
export function int(help: string, extras: Extras & { initial: number }): Option<number>
export function int(help: string, extras: Extras & { initial?: number } = {}): Option<number | undefined> {
  return { place: 'option', kind: 'int', help, ...extras }
}

/** Returns the name of an option on the command line and on the wire: its `name`, else its key in kebab-case. */
export function optionName(key: string, option: Option): string {
  return option.name ?? key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
