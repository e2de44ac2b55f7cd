/** What commands print with --enc=json is what they declare, and what `tsipfs schema` describes. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { commands } from '../../src/commands/index.ts'
import { EXIT_STATUS } from '../../src/contract/failure.ts'
import { type Shape, shapeProblem } from '../../src/contract/shape.ts'
import { Place } from './program.ts'

/** Command lines to try, in order; `$NAME` is filled in. What stands before `>` takes the named output for later. */
const LINES = `
version
id
config Addresses.API
config profile ls
ROOTBLOCK=Key > block put one
block stat $ROOTBLOCK
OBJECT=Cid./ > dag put object.json
dag resolve $OBJECT/a
dag stat --progress=false $OBJECT
dag stat $OBJECT $ROOTBLOCK
dag graph $OBJECT
add one two
add -Q --progress one
files mkdir -p /d/e
files write --create /d/one one
files write --create /d/two two
files ls /d
files ls -l /d
files ls /d/e
files stat /d
files stat --with-local /d/one
files flush /d
DIR=Hash > files stat /d
ls $DIR
ls --stream $DIR
ls --size=false --resolve-type=false $DIR
refs -r $DIR
refs local
resolve /ipfs/$DIR/one
du -a $DIR
tree $DIR
diff $DIR ./one
verify one $DIR/one
pin add $DIR
pin add --progress $DIR
pin add --expires=1h --label a=b $ROOTBLOCK
pin ls
pin ls --names --stream
pin ls --type=direct
pin ls $DIR/one
pin extend $ROOTBLOCK
pin verify --verbose
pin update --unpin=false $DIR $OBJECT
pin rm $OBJECT
repo version
repo stat
repo stat --size-only
repo verify
repo ls
repo gc
repo migrate
repo backup copy
block rm $ROOTBLOCK
block rm --force $ROOTBLOCK
cid format -f %s $DIR
cid base32 $DIR
cid bases --numeric
cid codecs
cid hashes
cid inspect $DIR
multibase list
commands
schema pin ls
stats repo
version deps
key gen k
key list
key rename k l
key sign --key=l one
key rm l
bootstrap list
bootstrap add /ip4/127.0.0.1/tcp/4001/p2p/12D3KooWA3yhbXhWrZwVydH62EdxG7jgT66CahLWpG9BDkKkrWWZ
bootstrap rm --all
config show
config profile apply --dry-run test
`

function outputOf(record: unknown, path: string): string {
  let value = record
  for (const key of path.split('.')) value = (value as Record<string, unknown>)[key]
  return String(value)
}

async function shapeOf(words: readonly string[]): Promise<{ path: string; shape: Shape | undefined }> {
  for (let count = words.length; count > 0; count--) {
    const path = words.slice(0, count).join(' ')
    const load = Object.hasOwn(commands, path) ? commands[path] : undefined
    if (load !== undefined) return { path, shape: (await load()).result }
  }
  throw new Error(`no command in ${words.join(' ')}`)
}

test('results are of the shape that the command declares', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  writeFileSync(place.path('one'), 'one')
  writeFileSync(place.path('two'), 'two'.repeat(1000))
  const block = await place.ok(['block', 'put', 'one'])
  writeFileSync(place.path('object.json'), JSON.stringify({ a: [1, { '/': block }] }))
  const taken = new Map<string, string>()
  let checked = 0
  for (const line of LINES.trim().split('\n')) {
    const [, name, field, text = ''] = /^(?:([A-Z]+)=(\S+) > )?(.*)$/.exec(line) ?? []
    const words = text.split(' ').map(word => word.replace(/\$([A-Z]+)/, (_, key: string) => taken.get(key) ?? ''))
    const { status, stdout, stderr } = await place.run([...words, '--enc=json', '--offline'])
    assert.ok(status === 0 || (words[0] === 'block' && status === 1), `${line}: status ${status}: ${stderr}`)
    const { path, shape } = await shapeOf(words)
    for (const record of stdout.split('\n').filter(one => one !== '')) {
      const value: unknown = JSON.parse(record)
      if (name !== undefined && field !== undefined) taken.set(name, outputOf(value, field))
      if (shape === undefined) continue
      assert.equal(shapeProblem(shape, value, path), undefined, record.slice(0, 500))
      checked += 1
    }
  }
  assert.ok(checked > 80, `only ${checked} records were checked`)
})

test('every command is described, and failures with all their kinds', async () => {
  using place = new Place()
  const lines = (await place.ok(['schema'])).split('\n').map(line => JSON.parse(line))
  assert.deepEqual(lines.map(line => line.Command).sort(), Object.keys(commands).sort())
  for (const { Command, Schema } of lines) {
    assert.equal(Schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    assert.equal(Schema.title, `tsipfs ${Command}`)
  }
  for (const { Command } of lines) {
    const command = await commands[Command]?.()
    const isPlain = command?.output === 'bytes' || command?.output === 'nothing'
    assert.ok(isPlain || command?.result !== undefined, `${Command} declares no result`)
  }
  const failure = JSON.parse(await place.ok(['schema', '--failure']))
  const kinds = failure.properties.kind.oneOf as { const: string; description: string }[]
  assert.deepEqual(
    kinds.map(kind => kind.const),
    Object.keys(EXIT_STATUS),
  )
})
