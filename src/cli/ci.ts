import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command, Output } from '../contract/command.ts'
import { errorCode, type Failure, systemFailure } from '../contract/failure.ts'
import type { Io } from '../contract/io.ts'

export type CiSystem = 'github' | 'gitlab' | 'none'

/**
 * Returns the CI system that is told of results and failures. Under `auto`, which is the default, it is GitHub where a
 * job runs there, and GitLab where TSIPFS_DOTENV names a file.
 */
export function ciSystem(option: string | undefined, env: Io['env']): CiSystem {
  const asked = option ?? env.TSIPFS_CI ?? 'auto'
  if (asked === 'github' || asked === 'gitlab' || asked === 'none') return asked
  if (env.GITHUB_ACTIONS === 'true') return 'github'
  return env.GITLAB_CI === 'true' && (env.TSIPFS_DOTENV ?? '') !== '' ? 'gitlab' : 'none'
}

/** Passes results on, and keeps of them what a CI job takes. */
export class CiOutputs {
  readonly #command: Pick<Command, 'path' | 'outputs'>
  #values = new Map<string, string>()

  constructor(command: Pick<Command, 'path' | 'outputs'>) {
    this.#command = command
  }

  async *watch<O extends Output>(outputs: AsyncIterable<O>): AsyncIterable<O> {
    for await (const output of outputs) {
      if (!(output instanceof Uint8Array)) this.#take(output)
      yield output
    }
  }

  #take(record: Output): void {
    for (const [name, place] of Object.entries(this.#command.outputs ?? {})) {
      let value: unknown = record
      for (const key of place.split('.')) {
        const isThere = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        value = isThere ? (value as Record<string, unknown>)[key] : undefined
      }
      // A value of several lines could name outputs of its own.
      if (typeof value === 'string' && value !== '' && !/[\r\n]/.test(value)) this.#values.set(name, value)
    }
  }

  /** Tells the system what there is to tell. */
  async tell(system: CiSystem, io: Io): Promise<void> {
    if (this.#values.size === 0) return
    if (system === 'github') await tellGithub(this.#command.path, this.#values, io)
    if (system === 'gitlab') await tellGitlab(this.#values, io)
  }
}

async function tellGithub(path: string, values: ReadonlyMap<string, string>, io: Io): Promise<void> {
  const { GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary } = io.env
  const lines = [...values].map(([name, value]) => `${name}=${value}\n`).join('')
  if (output !== undefined && output !== '') await append(resolve(io.cwd, output), lines)
  const rows = [...values].map(([name, value]) => `- \`tsipfs ${path}\`: ${name} \`${value.replaceAll('`', '')}\`\n`)
  if (summary !== undefined && summary !== '') await append(resolve(io.cwd, summary), rows.join(''))
}

async function append(file: string, text: string): Promise<void> {
  try {
    await appendFile(file, text)
  } catch (error) {
    throw systemFailure(error, file)
  }
}

/** A dotenv report holds each name once, so what an earlier command wrote is replaced. */
async function tellGitlab(values: ReadonlyMap<string, string>, io: Io): Promise<void> {
  const file = resolve(io.cwd, io.env.TSIPFS_DOTENV ?? 'tsipfs.env')
  const named = new Map([...values].map(([name, value]) => [`TSIPFS_${name.toUpperCase()}`, value]))
  try {
    const others = (await readIfThere(file))
      .split('\n')
      .filter(line => line !== '' && !named.has(line.slice(0, Math.max(0, line.indexOf('=')))))
    const lines = [...others, ...[...named].map(([name, value]) => `${name}=${value}`)]
    const fresh = `${file}.${process.pid}.new`
    await writeFile(fresh, `${lines.join('\n')}\n`)
    await rename(fresh, file)
  } catch (error) {
    throw systemFailure(error, file)
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}

/** Returns the line that shows a failure as an annotation of the run. GitHub reads it from standard error too. */
export function githubAnnotation(failure: Failure, title: string): string {
  const escaped = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  const property = escaped(title).replaceAll(':', '%3A').replaceAll(',', '%2C')
  const hint = failure.hint === undefined ? '' : `\nhint: ${failure.hint}`
  return `::error title=${property}::${escaped(`${failure.message}${hint}`)}`
}
