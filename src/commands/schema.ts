import { type Command, defineCommand } from '../contract/command.ts'
import { EXIT_STATUS, Failure } from '../contract/failure.ts'
import { flag, optionalArgumentList } from '../contract/params.ts'
import { type JsonSchema, jsonSchemaOf } from '../contract/shape.ts'

interface Described {
  readonly Command: string
  readonly Schema: JsonSchema
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'

export const schema = defineCommand({
  path: 'schema',
  summary: 'Print the JSON Schema of the results of a command',
  description:
    'Describes each line that a command prints with --json. Later versions only add fields. Without a command all of ' +
    'them are described, one a line. Commands that print bytes, or nothing, say so. With --failure it is the line that ' +
    'goes to standard error when a command fails; its kinds, and their exit statuses, are a closed list.',
  examples: [
    { line: 'tsipfs schema pin ls', explains: 'Describe the results of pin ls.' },
    { line: 'tsipfs schema --failure', explains: 'Describe failures, with all kinds and exit statuses.' },
    { line: 'tsipfs schema --json > schemas.ndjson', explains: 'Describe all commands.' },
  ],
  needs: 'nothing',
  localOnly: true,
  result: { Command: 'text: its words', Schema: { '*': 'any' } },
  params: {
    command: optionalArgumentList('command', 'The words of the command'),
    failure: flag('Describe failures'),
  },
  async *run(input) {
    if (input.failure) {
      yield { Command: '', Schema: failureSchema() } as Described
      return
    }
    const { commands } = await import('./index.ts')
    const asked = input.command.join(' ')
    const names = asked === '' ? Object.keys(commands).sort() : [asked]
    for (const name of names) {
      const load = Object.hasOwn(commands, name) ? commands[name] : undefined
      if (load === undefined) {
        throw new Failure('usage', `unknown command "${name}"`, { hint: 'see tsipfs commands' })
      }
      yield { Command: name, Schema: schemaOf(await load()) } as Described
    }
  },
  async render(outputs, { input, out }) {
    const isOne = input.command.length > 0 || input.failure
    for await (const record of outputs) {
      await out.write(isOne ? `${JSON.stringify(record.Schema, undefined, 2)}\n` : `${JSON.stringify(record)}\n`)
    }
  },
})

function schemaOf({ path, summary, output, result }: Command): JsonSchema {
  const head = { $schema: DRAFT, title: `tsipfs ${path}`, description: summary }
  if (output === 'bytes') return { ...head, $comment: 'the command prints bytes', type: 'string' }
  if (output === 'nothing') return { ...head, $comment: 'the command prints nothing', not: {} }
  const lines =
    output === 'value' ? 'one line' : output === undefined || output === 'stream' ? 'lines' : 'line or lines'
  return {
    ...head,
    $comment: `the command prints ${lines} of JSON`,
    ...(result === undefined ? {} : jsonSchemaOf(result)),
  }
}

/** Each kind as a schema of its own, so that its exit status stands beside it. */
function failureSchema(): JsonSchema {
  const kinds = Object.entries(EXIT_STATUS).map(([kind, { status, meaning }]) => ({
    const: kind,
    description: `exit status ${status}: ${meaning}`,
  }))
  return {
    $schema: DRAFT,
    title: 'a failure of tsipfs',
    type: 'object',
    properties: {
      Message: { type: 'string' },
      Code: { type: 'integer', description: '1 for a mistake of the caller, else 0' },
      Type: { const: 'error' },
      kind: { oneOf: kinds },
      hint: { type: 'string', description: 'what to do about it' },
      data: { type: 'object', additionalProperties: { type: 'string' } },
    },
    required: ['Message', 'Code', 'Type', 'kind'],
  }
}
