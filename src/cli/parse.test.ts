import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../contract/failure.ts'
import { argumentList, choice, files, flag, int, optionalArgument, text, texts } from '../contract/params.ts'
import { findCommand } from './find-command.ts'
import { parse } from './parse.ts'

const command = {
  path: 'try',
  params: {
    path: argumentList('path', 'Paths'),
    recursive: flag('Go down', { short: 'r' }),
    pin: flag('Keep', { initial: true }),
    quieter: flag('Less', { short: 'Q' }),
    rawLeaves: choice('Raw leaves'),
    chunker: text('Chunker', { short: 's', initial: 'size-262144' }),
    offset: int('Offset', { short: 'o', min: 0 }),
    ignore: texts('Ignore'),
    cidVersion: int('CID version', { aliases: ['cid-ver'] }),
    progress: flag('Progress', { short: 'p' }),
  },
}

test('flags take values as Go flags do', async () => {
  const { input, given } = await parse(command, ['-r=false', '--pin=false', '--raw-leaves=true', 'a', 'b'])
  assert.equal(input.recursive, false)
  assert.equal(input.pin, false)
  assert.equal(input.rawLeaves, true)
  assert.deepEqual(input.path, ['a', 'b'])
  assert.deepEqual([...given].sort(), ['pin', 'rawLeaves', 'recursive'])
})

test('what was not given has its initial value, or none', async () => {
  const { input } = await parse(command, ['a'])
  assert.equal(input.pin, true)
  assert.equal(input.recursive, false)
  assert.equal(input.rawLeaves, undefined)
  assert.equal(input.chunker, 'size-262144')
  assert.equal(input.offset, undefined)
  assert.deepEqual(input.ignore, [])
})

test('short options cluster, and the last may take a value', async () => {
  const { input } = await parse(command, ['-rQs', 'size-1', 'x'])
  assert.equal(input.recursive, true)
  assert.equal(input.quieter, true)
  assert.equal(input.chunker, 'size-1')
  assert.deepEqual(input.path, ['x'])
})

test('options stand anywhere, repeat, have aliases; -- ends them', async () => {
  const { input } = await parse(command, ['a', '--ignore', '-x', '--ignore=y', '--cid-ver=1', '--', '--b', '-r'])
  assert.deepEqual(input.ignore, ['-x', 'y'])
  assert.equal(input.cidVersion, 1)
  assert.equal(input.recursive, false)
  assert.deepEqual(input.path, ['a', '--b', '-r'])
})

test('--progress is a switch to the command and a kind to us', async () => {
  assert.equal((await parse(command, ['--progress=bar', 'a'])).globals.progress, 'bar')
  assert.equal((await parse(command, ['--progress', 'a'])).input.progress, true)
  assert.equal((await parse(command, ['-p=false', 'a'])).input.progress, false)
})

test('a command and its globals parse together', async () => {
  const { globals } = await parse(command, ['a', '--enc=json', '--timeout', '5s', '--set=A.B=c', '--offline'])
  assert.equal(globals.encoding, 'json')
  assert.equal(globals.timeout, '5s')
  assert.deepEqual(globals.set, ['A.B=c'])
  assert.equal(globals.offline, true)
})

test('files are not input', async () => {
  const params = { files: files('path', 'Files'), name: optionalArgument('name', 'Name') }
  const { input, paths } = await parse({ path: 'x', params }, ['f1', 'f2'])
  assert.deepEqual(paths, ['f1', 'f2'])
  assert.equal(Object.hasOwn(input, 'files'), false)
})

test('whole numbers are read as Go reads them', async () => {
  const params = { n: int('Number'), bound: int('Bound', { saturates: true }) }
  const read = async (name: string, text: string) =>
    (await parse({ path: 'x', params }, [`--${name}=${text}`])).input[name]
  for (const [text, number] of [
    ['0x10', 16],
    ['0b11', 3],
    ['0o17', 15],
    ['010', 8],
    ['1_000', 1000],
    ['+5', 5],
    ['-7', -7],
    ['0', 0],
  ] as const) {
    assert.equal(await read('n', text), number, text)
  }
  for (const text of ['', '1e3', '1.0', '08', '1__0', '_1', '1_', ' 1', '9223372036854775808', '9007199254740992']) {
    await assert.rejects(() => read('n', text), /invalid value/, text)
  }
  assert.equal(await read('bound', '9223372036854775807'), Number.MAX_SAFE_INTEGER)
  await assert.rejects(() => read('bound', '9223372036854775808'), /a number is wanted/)
})

test('options of the commands above may stand there, and mean nothing', async () => {
  const above = [{ recursive: flag('Deep', { short: 'r' }), format: text('Form', { initial: 'x' }) }]
  const { input, given } = await parse({ path: 'refs local', params: {} }, ['-r', '--format=y'], above)
  assert.deepEqual(input, {})
  assert.equal(given.size, 0)
  await assert.rejects(() => parse({ path: 'refs local', params: {} }, ['-u'], above), /unknown option/)
})

for (const [title, args, message] of [
  ['unknown option', ['--nonsense', 'a'], /unknown option '--nonsense'/],
  ['unknown short option', ['-z', 'a'], /unknown option '-z'/],
  ['missing value', ['a', '--offset'], /argument missing/],
  ['no number', ['a', '--offset=x'], /invalid value "x" for --offset/],
  ['no whole number', ['a', '--offset=1.5'], /invalid value "1.5"/],
  ['below its minimum', ['a', '--offset=-1'], /at least 0/],
  ['no boolean', ['a', '-r=maybe'], /invalid value "maybe" for -r/],
  ['an option twice', ['a', '--chunker=x', '-s', 'y'], /multiple values for option --chunker/],
  ['a switch twice', ['a', '--pin', '--pin=false'], /multiple values for option --pin/],
  ['a switch twice in clusters', ['a', '-rQ', '-r'], /multiple values for option --recursive/],
  ['unknown value', ['a', '--enc=yaml'], /invalid value "yaml" for --encoding/],
] as const) {
  test(`refuses: ${title}`, async () => {
    await assert.rejects(
      () => parse(command, args),
      (error: unknown) => error instanceof Failure && error.kind === 'usage' && message.test(error.message),
    )
  })
}

test('finds commands behind global options', async () => {
  const names = new Set(['add', 'refs', 'refs local', 'pin add'])
  const isPrefix = (path: string): boolean => [...names].some(name => name.startsWith(`${path} `))
  const find = (...args: string[]) => findCommand(args, path => names.has(path), isPrefix)
  assert.deepEqual(find('--cid-base', 'base32', 'add', '-q', 'h'), {
    path: 'add',
    rest: ['--cid-base', 'base32', '-q', 'h'],
    unknown: undefined,
  })
  assert.equal(find('refs', 'local').path, 'refs local')
  assert.deepEqual(find('refs', '--max-depth', 'local'), {
    path: 'refs',
    rest: ['--max-depth', 'local'],
    unknown: undefined,
  })
  assert.deepEqual(find('pin', 'ad'), { path: 'pin', rest: ['ad'], unknown: 'ad' })
  assert.equal(find('add', '--', 'refs').path, 'add')
})
