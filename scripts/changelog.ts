/** Moves what stands in changes/ into CHANGELOG.md, below a heading with the version. Usage: changelog.ts VERSION */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const [version = ''] = process.argv.slice(2)
if (!/^\d+\.\d+\.\d+$/.test(version)) {
  console.error('usage: changelog.ts VERSION, like 1.2.3')
  process.exit(2)
}
const folder = join(root, 'changes')
const names = readdirSync(folder).filter(name => name.endsWith('.md') && name !== 'README.md')
const items = names.sort().map(name => `- ${readFileSync(join(folder, name), 'utf8').trim().replaceAll('\n', '\n  ')}`)
const file = join(root, 'CHANGELOG.md')
const before = existsSync(file) ? readFileSync(file, 'utf8').replace(/^# Changelog\n+/, '') : ''
writeFileSync(file, `# Changelog\n\n## ${version}\n\n${items.join('\n')}\n${before === '' ? '' : `\n${before}`}`)
for (const name of names) rmSync(join(folder, name))
