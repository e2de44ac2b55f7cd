/**
 * Builds site/ from README.md and docs/: one HTML page for each Markdown page, with nothing loaded from elsewhere. Fails
 * at a link that leads nowhere. Usage: site.ts [FOLDER]
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { Marked, type Tokens } from 'marked'

const root = resolve(import.meta.dirname, '..')
const out = resolve(process.argv[2] ?? join(root, 'site'))

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --paper: #fff; --line: #e0e1e6; --code: #f4f4f6; --link: #0b68cb; --good: #18794e; --bad: #c62a2f; --warn: #ad5700 }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #a0a4ab; --paper: #111214; --line: #2e3135; --code: #1b1c1f; --link: #70b8ff; --good: #3dd68c; --bad: #ff9592; --warn: #ffc53d } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
nav { border-bottom: 1px solid var(--line); padding: .7rem 1rem; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem }
nav a { color: var(--soft); text-decoration: none } nav a.here, nav a:hover { color: var(--ink) }
main { max-width: 54rem; margin: 0 auto; padding: 1rem 1rem 4rem; overflow-wrap: break-word }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .7rem } h1 { margin-top: 1rem }
a { color: var(--link) } img { max-width: 100% }
code { font: .9em ui-monospace, monospace; background: var(--code); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere }
pre { background: var(--code); padding: .8rem 1rem; overflow-x: auto; border-radius: 6px } pre code { padding: 0; background: none; overflow-wrap: normal }
.typed { font-weight: 600 }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto } th, td { border-bottom: 1px solid var(--line); padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top }
.good { color: var(--good) } .bad { color: var(--bad) } .warn { color: var(--warn) } .soft { color: var(--soft) }
.bar { display: flex; height: 1.2rem; border-radius: 4px; overflow: hidden; margin: 1rem 0 } .bar span { display: block }
`

const NAVIGATION = [
  ['index.html', 'tsipfs'],
  ['docs/quick-start.html', 'Quick start'],
  ['docs/README.html', 'Documentation'],
  ['docs/reference/README.html', 'Reference'],
  ['docs/parity.html', 'Are we IPFS yet?'],
] as const

function escapeHtml(text: string): string {
  return text.replace(
    /[&<>"]/g,
    character => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ?? '',
  )
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** Words of the parity page carry their meaning in colour too. */
const STATES = [
  [/^as Kubo/, 'good'],
  [/^missing/, 'bad'],
  [/^differs/, 'warn'],
  [/^there/, 'soft'],
] as const

const marked = new Marked({
  gfm: true,
  renderer: {
    heading({ tokens, depth, text }: Tokens.Heading) {
      return `<h${depth} id="${slug(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`
    },
    code({ text, lang }: Tokens.Code) {
      const lines = escapeHtml(text).split('\n')
      const body =
        lang === 'console'
          ? lines.map(line => (line.startsWith('$ ') ? `<span class="typed">${line}</span>` : line))
          : lines
      return `<pre><code>${body.join('\n')}</code></pre>\n`
    },
    tablecell({ tokens, header, text }: Tokens.TableCell) {
      const state = header ? undefined : STATES.find(([pattern]) => pattern.test(text))?.[1]
      const tag = header ? 'th' : 'td'
      return `<${tag}${state === undefined ? '' : ` class="${state}"`}>${this.parser.parseInline(tokens)}</${tag}>`
    },
    link({ href, tokens }: Tokens.Link) {
      const target = /^[a-z]+:/.test(href) ? href : href.replace(/\.md(#|$)/, '.html$1')
      return `<a href="${escapeHtml(target)}">${this.parser.parseInline(tokens)}</a>`
    },
  },
})

function page(source: string, target: string): void {
  const text = readFileSync(join(root, source), 'utf8')
  const title = /^# (.+)$/m.exec(text)?.[1] ?? 'tsipfs'
  const up = relative(dirname(target), '.') || '.'
  const links = NAVIGATION.map(
    ([path, name]) => `<a href="${up}/${path}"${path === target ? ' class="here"' : ''}>${name}</a>`,
  )
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}${title === 'tsipfs' ? '' : ' · tsipfs'}</title>
<style>${STYLE}</style>
<nav>${links.join(' ')}</nav>
<main>
${marked.parse(text)}</main>
</html>
`
  mkdirSync(dirname(join(out, target)), { recursive: true })
  writeFileSync(join(out, target), html)
}

/** Returns the links of a page of the site that lead nowhere. */
function deadLinks(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/ (?:href|src)="([^"]*)"/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return []
    const [path = '', heading] = link.replaceAll('&amp;', '&').split('#')
    const target = path === '' ? file : join(dirname(file), path)
    const isThere = /\.\w+$/.test(target) && existsSync(target)
    const isHeading = heading === undefined || (isThere && readFileSync(target, 'utf8').includes(` id="${heading}"`))
    return isThere && isHeading ? [] : [`${relative(out, file)}: ${link}`]
  })
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
page('README.md', 'index.html')
let pages = 1
for (const name of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })) {
  if (name.endsWith('.md')) {
    page(join('docs', name), join('docs', name.replace(/\.md$/, '.html')))
    pages += 1
  } else if (name.endsWith('.svg')) cpSync(join(root, 'docs', name), join(out, 'docs', name))
}
for (const name of ['CONTRIBUTING', 'SECURITY', 'CODE_OF_CONDUCT', 'CHANGELOG']) {
  try {
    page(`${name}.md`, `${name}.html`)
    pages += 1
  } catch {
    // Not every project has all of them.
  }
}
const dead = readdirSync(out, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.html'))
  .flatMap(name => deadLinks(join(out, name)))
for (const link of dead) console.error(`site: a link leads nowhere: ${link}`)
console.log(`site: ${pages} pages, ${dead.length} dead links`)
process.exitCode = dead.length > 0 ? 1 : 0
