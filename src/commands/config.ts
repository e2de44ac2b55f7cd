import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, flag, optionalArgument } from '../contract/params.ts'

export const config = defineCommand({
  path: 'config',
  summary: 'Read and change the config',
  description:
    'Prints the value of a key as it counts for this run, or puts a value there. The config is the file "config" in the ' +
    'repo, with the keys that Kubo has; any key can be overridden for one run with --set or a variable. A running ' +
    'daemon reads its config when it starts. The private key is neither shown nor changed.',
  examples: [
    { line: 'tsipfs config Routing.Type', explains: 'Print the value of a key.' },
    { line: 'tsipfs config Routing.Type autoclient', explains: 'Set a text.' },
    { line: 'tsipfs config --json Import.CidVersion 1', explains: 'Set a number, a list, an object, true or null.' },
  ],
  needs: 'repo',
  output: 'value',
  result: { Key: 'text', Value: 'any' },
  params: {
    key: argument('key', 'The key, like Addresses.API', { complete: 'config' }),
    value: optionalArgument('value', 'The value to put there'),
    bool: flag('The value is true or false'),
    json: flag('The value is JSON'),
    expandAuto: flag('Show what "auto" stands for'),
  },
  async *run(input, { node }) {
    const [{ refuseSecretKey }, { configValue, setConfigKey }] = await Promise.all([
      import('../repo/config-secrets.ts'),
      import('../repo/config-change.ts'),
    ])
    refuseSecretKey(input.key)
    const { config: store } = node.repo
    if (input.value === undefined) {
      const whole = await store.read()
      const value = configValue(whole, input.key)
      const [{ expandConfigValue }, { sortKeys }] = await Promise.all([
        import('../node/auto-values.ts'),
        import('../repo/config-values.ts'),
      ])
      const shown = input.expandAuto ? expandConfigValue(whole, input.key, value) : value
      yield { Key: input.key, Value: sortKeys(shown) }
      return
    }
    if (input.expandAuto) {
      throw new Failure('usage', '--expand-auto can only be used for reading config values, not for setting them')
    }
    const value = input.json ? fromJson(input.value) : input.bool ? input.value === 'true' : input.value
    yield { Key: input.key, Value: await setConfigKey(store, input.key, value) }
  },
  async render(outputs, { input, out }) {
    for await (const { Value } of outputs) {
      if (input.value !== undefined) continue
      const { prettyJson } = await import('../repo/config-values.ts')
      await out.write(`${typeof Value === 'string' ? Value : prettyJson(Value)}\n`)
    }
  },
})

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('usage', `failed to unmarshal json. ${reason}`, { cause: error })
  }
}
