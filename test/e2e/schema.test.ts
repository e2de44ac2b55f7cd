/** What commands print with --enc=json is what they declare, and what `tsipfs schema` describes. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { allResultFields, missingFields, recordedFields, resultFields } from '../../scripts/result-fields.ts'
import { commands } from '../../src/commands/index.ts'
import { EXIT_STATUS } from '../../src/contract/failure.ts'
import { maybe, type Shape, shapeProblem } from '../../src/contract/shape.ts'
import { Daemon } from './daemons.ts'
import { ended, Place, printed } from './program.ts'

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
bootstrap
bootstrap rm all
dag export $DIR > all.car
dag import --stats all.car
diag datastore count /
diag datastore get /local/filesroot
diag sys
doctor
doctor $DIR
files apply ops.ndjson
files chroot --confirm $DIR
key ls
key gen other
key export -o other.key other
key import third other.key
key verify --key=other --signature=uAA one
key rotate --oldkey=before
NAME=Name > name publish --allow-offline --key=third --resolve=false /ipfs/$DIR
name get $NAME > record
name inspect record
name put --allow-offline --force $NAME record
object diff $DIR $DIR
object diff $EMPTY $DIR
object patch add-link $EMPTY one $DIR
object patch rm-link $DIR one
config --json Experimental.FilestoreEnabled true
add --nocopy --raw-leaves two
add --raw-leaves two
block put two
filestore ls
filestore verify
filestore dups
provide clear
repo repair
repo export-flatfs flat
`

/** Asked of a daemon that has a peer, whose address is `$PEER` and whose id is `$ID`. */
const DAEMON_LINES = `
id
id $ID
swarm peers -v --streams --latency
swarm addrs
swarm addrs local
swarm addrs listen
swarm addrs autonat
swarm filters add /ip4/192.0.2.0/ipcidr/24
swarm filters
swarm filters rm /ip4/192.0.2.0/ipcidr/24
swarm peering add $PEER
swarm peering ls
swarm peering rm $ID
swarm resources
swarm wait
swarm connect $PEER
ping -n 1 $ID
FOUND=Hash > add -Q --provide=wait one
routing findprovs $FOUND
routing findpeer $ID
routing provide $FOUND
dht query $ID
provide once $FOUND
provide stat
stats provide
stats reprovide
stats dht
stats bw
stats bitswap
bitswap stat
bitswap wantlist
bitswap ledger $ID
diag cmds
diag healthy
log ls
log level net info
NAME=Name > name publish /ipfs/$FOUND
name resolve $NAME
routing get /ipns/$NAME > record
routing get /ipns/$NAME
routing put /ipns/$NAME record
name put $NAME record
name pubsub state
name pubsub subs
name pubsub cancel /ipns/$NAME
pubsub ls
pubsub peers
pubsub reset
p2p listen /x/schema /ip4/127.0.0.1/tcp/9
p2p forward /x/schema /ip4/127.0.0.1/tcp/0 /p2p/$ID
p2p ls
p2p stream ls
p2p close -a
doctor
doctor $FOUND
swarm disconnect /p2p/$ID
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

/** Commands of which no result was seen. Each has its reason. */
const UNSEEN: Readonly<Record<string, string>> = {
  daemon: 'its lines are read by every test that starts one',
  mount: 'not supported',
  'update check': 'not supported',
  'update clean': 'not supported',
  'update install': 'not supported',
  'update revert': 'not supported',
  'update versions': 'not supported',
  'version check': 'needs a network in which many peers tell their versions',
  'object get': 'removed, as in Kubo',
  'object links': 'removed, as in Kubo',
  'object new': 'removed, as in Kubo',
  'object patch append-data': 'removed, as in Kubo',
  'object patch set-data': 'removed, as in Kubo',
  'object put': 'removed, as in Kubo',
  'object stat': 'removed, as in Kubo',
  'repo import-kubo': 'needs a repo of Kubo',
  'routing provide': 'tells of the search, of which there is none in so small a network',
  'pin remote add': 'held against its shape in remote-pins.test.ts',
  'pin remote ls': 'held against its shape in remote-pins.test.ts',
  'pin remote service ls': 'held against its shape in remote-pins.test.ts',
}

/** Runs command lines and holds what they print against what their commands declare. Returns which printed something. */
async function checkLines(
  lines: string,
  on: Pick<Place, 'run' | 'path' | 'start'>,
  taken: Map<string, string>,
  options: readonly string[] = [],
): Promise<Set<string>> {
  const seen = new Set<string>()
  for (const line of lines.trim().split('\n')) {
    const [, name, field, text = '', file] = /^(?:([A-Z]+)=(\S+) > )?(.*?)(?: > (\S+))?$/.exec(line) ?? []
    const words = text.split(' ').map(word => word.replace(/\$([A-Z]+)/, (_, key: string) => taken.get(key) ?? ''))
    if (file !== undefined) {
      const child = on.start([...words, ...options])
      child.stdin.end()
      const parts: Buffer[] = []
      child.stdout.on('data', part => parts.push(part))
      assert.equal((await ended(child)).status, 0, line)
      writeFileSync(on.path(file), Buffer.concat(parts))
      continue
    }
    const { status, stdout, stderr } = await on.run([...words, '--enc=json', ...options])
    const mayFail = words[0] === 'block' || words[0] === 'doctor'
    assert.ok(status === 0 || (mayFail && status === 1), `${line}: status ${status}: ${stderr}`)
    const { path, shape } = await shapeOf(words)
    for (const record of stdout.split('\n').filter(one => one !== '')) {
      const value: unknown = JSON.parse(record)
      if (name !== undefined && field !== undefined) taken.set(name, outputOf(value, field))
      if (shape === undefined) continue
      assert.equal(shapeProblem(shape, value, path), undefined, record.slice(0, 500))
      seen.add(path)
    }
  }
  return seen
}

test('results are of the shape that the command declares', { timeout: 240_000 }, async () => {
  using place = new Place()
  const init = await place.ok(['init', '--profile=test', '--enc=json'])
  const seen = new Set(init === '' ? [] : ['init'])
  writeFileSync(place.path('one'), 'one')
  writeFileSync(place.path('two'), 'two'.repeat(1000))
  const block = await place.ok(['block', 'put', 'one'])
  writeFileSync(place.path('ops.ndjson'), '{"op":"mkdir","path":"/made"}\n')
  writeFileSync(place.path('object.json'), JSON.stringify({ a: [1, { '/': block }] }))
  const taken = new Map([['EMPTY', 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn']])
  for (const path of await checkLines(LINES, place, taken, ['--offline'])) seen.add(path)

  await using daemon = await Daemon.start({
    config: { 'Ipns.UsePubsub': true, 'Experimental.Libp2pStreamMounting': true },
  })
  await using peer = await Daemon.start()
  await daemon.connect(peer)
  writeFileSync(daemon.place.path('one'), 'two')
  const on = {
    run: daemon.run.bind(daemon),
    start: daemon.start.bind(daemon),
    path: daemon.place.path.bind(daemon.place),
  }
  const known = new Map([...taken, ['PEER', peer.address], ['ID', peer.peer]])
  for (const path of await checkLines(DAEMON_LINES, on, known)) seen.add(path)
  await streams(daemon, peer.peer, seen)

  const missing: string[] = []
  for (const [path, load] of Object.entries(commands)) {
    if ((await load()).result !== undefined && !seen.has(path) && UNSEEN[path] === undefined) missing.push(path)
  }
  assert.deepEqual(missing, [], 'nothing was seen of these')
  assert.deepEqual(
    Object.keys(UNSEEN).filter(path => seen.has(path)),
    [],
    'these were seen all the same',
  )
})

/** Commands that go on until something happens. */
async function streams(daemon: Daemon, peer: string, seen: Set<string>): Promise<void> {
  for (const [words, act] of [
    [['pubsub', 'sub', '--count=1', 'schema'], () => daemon.ok(['pubsub', 'pub', 'schema'], { input: 'message' })],
    [['share', 'one'], async () => undefined],
    [['p2p', 'listen', '--foreground', '/x/a', '/ip4/127.0.0.1/tcp/9'], async () => undefined],
    [['p2p', 'forward', '--foreground', '/x/a', '/ip4/127.0.0.1/tcp/0', `/p2p/${peer}`], async () => undefined],
  ] as const) {
    const child = daemon.start([...words, '--enc=json'])
    child.stdin.end()
    const over = ended(child)
    const first = printed(child, /\{.*\}/)
    if (words[0] === 'pubsub') await daemon.until(['pubsub', 'ls'], text => text.includes('schema'))
    await act()
    await first
    child.kill('SIGINT')
    const { path, shape } = await shapeOf(words)
    for (const record of (await over).stdout.trim().split('\n')) {
      assert.ok(shape)
      assert.equal(shapeProblem(shape, JSON.parse(record), path), undefined, record.slice(0, 500))
      seen.add(path)
    }
  }
}

test('no field that scripts rely on has gone, and new ones are noted', async () => {
  const current = await allResultFields()
  assert.deepEqual(missingFields(recordedFields(), current), [], 'these were promised')
  assert.deepEqual(current, recordedFields(), "run 'npm run fields'")
})

test('what counts as a field that has gone', () => {
  const fields = resultFields({
    Name: 'text: a name',
    'Size?': 'int',
    Links: [{ 'Cid?': 'link', Names: maybe(['text']) }],
  })
  assert.deepEqual(fields, [
    'Name text',
    'Size? int',
    'Links[].Cid? link',
    'Links[].Names[] text',
    'Links[].Names null',
  ])
  const lines = (shape: Shape): string[] => resultFields(shape).map(field => `ls: ${field}`)
  const gone = (before: Shape, now: Shape): string[] => missingFields(lines(before), lines(now))
  assert.deepEqual(gone({ A: 'text' }, { A: 'text', B: 'int' }), [])
  assert.deepEqual(gone({ 'A?': 'text', B: [{ 'C?': 'int' }] }, { A: 'text', B: [{ C: 'int' }] }), [])
  assert.deepEqual(gone({ A: 'text' }, { 'A?': 'text' }), ['ls: A text'])
  assert.deepEqual(gone({ A: 'text' }, { A: 'int' }), ['ls: A text'])
  assert.deepEqual(gone({ A: 'text', B: 'int' }, { A: 'text' }), ['ls: B int'])
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
