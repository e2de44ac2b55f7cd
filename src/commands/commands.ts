import { defineCommand } from '../contract/command.ts'
import { flag, optionName } from '../contract/params.ts'

interface Node {
  readonly Name: string
  readonly Subcommands: Node[]
  readonly Options: { readonly Names: readonly string[] }[]
}

export const commands = defineCommand({
  path: 'commands',
  summary: 'List all commands',
  description: 'Prints every command, one a line. With --flags also every option of each.',
  examples: [{ line: 'tsipfs commands --flags', explains: 'Also list the options.' }],
  needs: 'nothing',
  output: 'value',
  result: { Name: 'text', Subcommands: [{ '*': 'any' }], Options: [{ Names: ['text'] }] },
  params: { flags: flag('Show the options of each command too', { short: 'f' }) },
  async *run(input) {
    const { commands: all } = await import('./index.ts')
    const root: Node = { Name: 'tsipfs', Subcommands: [], Options: [] }
    for (const [path, load] of Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))) {
      let node = root
      for (const word of path.split(' ')) {
        let child = node.Subcommands.find(({ Name }) => Name === word)
        if (child === undefined) {
          child = { Name: word, Subcommands: [], Options: [] }
          node.Subcommands.push(child)
        }
        node = child
      }
      if (!input.flags) continue
      for (const [key, param] of Object.entries((await load()).params)) {
        if (param.place !== 'option') continue
        const names = [optionName(key, param), ...(param.short === undefined ? [] : [param.short])]
        node.Options.push({ Names: [...new Set(names)] })
      }
    }
    yield root
  },
  async render(outputs, { out }) {
    for await (const root of outputs) await out.write(`${lines(root, '').join('\n')}\n`)
  },
})

function lines(node: Node, prefix: string): string[] {
  const path = prefix === '' ? node.Name : `${prefix} ${node.Name}`
  const options = node.Options.map(({ Names }) =>
    Names.map(name => `${path} ${name.length > 1 ? '--' : '-'}${name}`).join(' / '),
  )
  return [path, ...options, ...node.Subcommands.flatMap(child => lines(child, path))]
}
