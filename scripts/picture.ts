/**
 * Draws docs/terminal.svg: a terminal in which the commands below were typed and answered. It really runs them, in a
 * repo that ends with it.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const LINES = [
  'tsipfs add -r site',
  'CID=$(tsipfs add -r -Q site)',
  'tsipfs ls $CID',
  'tsipfs cat $CID/index.html',
  'tsipfs --json pin ls --type=recursive --names | head -c 120; echo …',
  'tsipfs --offline cat $CID/missing.html; echo "status $?"',
]
const COLUMNS = 92
const CHARACTER = 8.43
const LINE = 20
const folder = mkdtempSync(join(tmpdir(), 'tsipfs-picture-'))

function shown(): { text: string; kind: 'typed' | 'out' }[] {
  mkdirSync(join(folder, 'site/img'), { recursive: true })
  writeFileSync(join(folder, 'site/index.html'), '<h1>Hello</h1>\n')
  writeFileSync(join(folder, 'site/img/a.svg'), 'a picture\n')
  const mark = '---end---'
  const env = {
    PATH: [join(root, 'bin'), process.env.PATH].join(delimiter),
    HOME: folder,
    NO_COLOR: '1',
    LC_ALL: 'C.UTF-8',
  }
  const script = `exec 2>&1\n${LINES.map(line => `${line}\necho ${mark}`).join('\n')}`
  const { stdout } = spawnSync('bash', ['-c', script], { cwd: folder, env, encoding: 'utf8' })
  const outputs = stdout.split(`${mark}\n`)
  return LINES.flatMap((line, at) => [
    ...wrap(`$ ${line}`).map(text => ({ text, kind: 'typed' as const })),
    ...(outputs[at] ?? '')
      .split('\n')
      .slice(0, -1)
      .flatMap(wrap)
      .map(text => ({ text, kind: 'out' as const })),
  ])
}

function wrap(text: string): string[] {
  const parts: string[] = []
  for (let at = 0; at < text.length || at === 0; at += COLUMNS) parts.push(text.slice(at, at + COLUMNS))
  return parts
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

try {
  const rows = shown()
  const height = rows.length * LINE + 60
  const width = Math.ceil(COLUMNS * CHARACTER + 40)
  const text = rows.map(
    ({ text: line, kind }, at) =>
      `<text class="${kind}" x="20" y="${54 + at * LINE}" xml:space="preserve">${escapeXml(line)}</text>`,
  )
  writeFileSync(
    join(root, 'docs/terminal.svg'),
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="A terminal session with tsipfs">
<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#c9d1d9}.typed{fill:#7ee787}</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="22" cy="20" r="6" fill="#ff5f56"/><circle cx="42" cy="20" r="6" fill="#ffbd2e"/><circle cx="62" cy="20" r="6" fill="#27c93f"/>
${text.join('\n')}
</svg>
`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
