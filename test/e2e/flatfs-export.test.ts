/** What `repo export-flatfs` writes, Kubo opens, verifies and pins. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { KUBO } from './daemons.ts'
import { Place } from './program.ts'

async function filled(place: Place): Promise<string> {
  for (let nth = 0; nth < 40; nth++) writeFileSync(place.path(`f${nth}`), `content ${nth}\n`.repeat(nth * 997))
  await place.run(['init', '--profile=test'])
  const { status, stdout, stderr } = await place.run([
    'add',
    '-Q',
    '-w',
    ...Array.from({ length: 40 }, (_, n) => `f${n}`),
  ])
  assert.equal(status, 0, stderr)
  return stdout.trim()
}

test('writes every block once, goes on where it was ended, and refuses other folders', async () => {
  using place = new Place()
  await filled(place)
  const target = place.path('flatfs')
  const first = await place.run(['repo', 'export-flatfs', target])
  assert.equal(first.status, 0, first.stderr)
  const { Blocks, Bytes } = JSON.parse(
    (await place.run(['--json', 'repo', 'export-flatfs', place.path('other')])).stdout,
  )
  assert.match(first.stdout, new RegExp(`: ${Blocks} blocks, 0 were there, ${Bytes} bytes written`))
  const files = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.data'))
  assert.equal(files(target).length, Blocks)
  assert.equal(readFileSync(`${target}/SHARDING`, 'utf8'), '/repo/flatfs/shard/v1/next-to-last/2\n')
  const [one = ''] = files(target)
  rmSync(`${target}/${one}`)
  const again = JSON.parse((await place.run(['--json', 'repo', 'export-flatfs', target])).stdout)
  assert.deepEqual([again.Blocks, again.Present], [Blocks, Blocks - 1])
  assert.ok(existsSync(`${target}/${one}`))
  const refused = await place.run(['repo', 'export-flatfs', place.folder])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /neither empty nor a flatfs/)
})

test('a damaged block ends the export', async () => {
  using place = new Place()
  await filled(place)
  const packs = `${place.repo}/packs`
  const pack = readdirSync(packs).find(name => readFileSync(`${packs}/${name}`).length > 1000) ?? ''
  truncateSync(`${packs}/${pack}`, 500)
  const { status } = await place.run(['repo', 'export-flatfs', place.path('flatfs')])
  assert.equal(status, 6)
})

test('Kubo opens and verifies it', { skip: KUBO === undefined ? 'KUBO_BIN names no Kubo' : false }, async () => {
  using place = new Place()
  const root = await filled(place)
  const repo = place.path('kubo')
  const kubo = (...args: string[]): string =>
    execFileSync(KUBO ?? '', args, { env: { IPFS_PATH: repo, HOME: place.folder }, encoding: 'utf8', timeout: 60_000 })
  kubo('init', '--profile=test')
  const result = await place.run(['repo', 'export-flatfs', `${repo}/blocks`])
  assert.equal(result.status, 0, result.stderr)
  assert.match(kubo('repo', 'verify'), /verify complete, all blocks validated/)
  assert.match(kubo('pin', 'add', '--offline', root), /pinned/)
  assert.equal(kubo('cat', '--offline', `${root}/f7`), readFileSync(place.path('f7'), 'utf8'))
})
