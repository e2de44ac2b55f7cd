import { defineCommand, type Plain } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'
import { oneOf } from '../../contract/shape.ts'

export const configShow = defineCommand({
  path: 'config show',
  summary: 'Print the config',
  description:
    'Prints the config as it counts for this run, without private key and other secrets. With --origin each key that ' +
    'was overridden is named, with what said so.',
  examples: [
    { line: 'tsipfs config show > config.json', explains: 'Save the config, to change it and put it back.' },
    { line: 'tsipfs config show --origin', explains: 'See what comes from variables and options.' },
  ],
  needs: 'repo',
  output: 'value',
  result: oneOf({ Origins: [{ Key: 'text', Value: 'any', Origin: 'text' }] }, { '*': 'any' }),
  items: { at: 'Origins' },
  params: {
    expandAuto: flag('Show what "auto" stands for'),
    origin: flag('Show only what was overridden for this run, and by what'),
  },
  async *run(input, { node }) {
    const { config: store } = node.repo
    const { withoutSecrets } = await import('../../repo/config-secrets.ts')
    if (input.origin) {
      const overrides = (await store.overrides?.()) ?? []
      yield { Origins: overrides.map(({ key, value, origin }) => ({ Key: key, Value: value, Origin: origin })) }
      return
    }
    const whole = withoutSecrets(await store.read())
    const [{ expandConfig }, { sortKeys }] = await Promise.all([
      import('../../node/auto-values.ts'),
      import('../../repo/config-values.ts'),
    ])
    yield sortKeys(input.expandAuto ? expandConfig(whole) : whole)
  },
  async render(outputs, { input, out }) {
    const { prettyJson } = await import('../../repo/config-values.ts')
    for await (const whole of outputs) {
      if (input.origin) for (const line of originLines(whole)) await out.write(`${line}\n`)
      else await out.write(`${prettyJson(whole)}\n`)
    }
  },
})

function originLines({ Origins }: Plain): string[] {
  const origins: readonly { Key: string; Value: unknown; Origin: string }[] = Origins
  return origins.map(({ Key, Value, Origin }) => `${Key} ${JSON.stringify(Value)} (${Origin})`)
}
