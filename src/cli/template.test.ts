import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pinLs } from '../commands/pin/ls.ts'
import type { Command, Output } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { maybe } from '../contract/shape.ts'
import { Template } from './template.ts'

type Described = ConstructorParameters<typeof Template>[1]

const NAMES = maybe(['text'])

async function printed(
  text: string,
  command: Described,
  records: readonly Output[],
  { terminal = false, end = '\n' } = {},
): Promise<string> {
  let shown = ''
  const template = new Template(text, command)
  const progress = { update: () => undefined, clear: async () => undefined }
  const view = {
    progress,
    io: { terminal: { in: false, out: terminal, err: false, columns: 80 } },
    out: {
      write: async (chunk: string | Uint8Array) => {
        shown += String(chunk)
      },
    },
  }
  await template.print(
    (async function* () {
      yield* records
    })(),
    end,
    view as never,
  )
  return shown
}

const described = (more: Partial<Command>): Described => ({ path: 'some command', ...more })

test('fields, also of what lies in others; what a result lacks is empty', async () => {
  const command = described({
    result: {
      Name: 'text',
      'Size?': 'int',
      Cid: 'link',
      'Sub?': { Yes: 'flag', Names: NAMES },
      Labels: { '*': 'text' },
      Data: 'any',
    },
  })
  const record = {
    ...{ Name: 'a', Cid: { '/': 'bafy' }, Labels: { branch: 'main' } },
    ...{ Sub: { Yes: false, Names: ['x', 'y'] }, Data: { deep: [1] } },
  }
  const print = (text: string): Promise<string> => printed(text, command, [record])
  assert.equal(await print('{Name} {Cid./} {Sub.Yes} {Sub.Names.1}'), 'a bafy false y\n')
  assert.equal(await print('[{Size}] [{Sub.Names.7}] [{Labels.none}] [{Data.deep.3}]'), '[] [] [] []\n')
  assert.equal(await print('{Labels.branch} {Data.deep.0} {Sub.Names} {Data}'), 'main 1 ["x","y"] {"deep":[1]}\n')
  assert.equal(await printed('{Sub.Names}|', command, [{ ...record, Sub: { Yes: true, Names: null } }]), '|\n')
})

test('escapes, and braces that are text', async () => {
  const command = described({ result: { Name: 'text' } })
  const text = String.raw`{"name":"{Name}"}\t\{Name\} {} { Name }\\n\0|\n\r\q`
  assert.equal(
    await printed(text, command, [{ Name: '{Name}\\n' }]),
    '{"name":"{Name}\\n"}\t{Name} {} { Name }\\n\0|\n\r\\q\n',
  )
  assert.equal(await printed('{Name}', command, [{ Name: 'a\nb\x1b\x9b' }], { end: '\0' }), 'a\nb\x1b\x9b\0')
  assert.equal(
    await printed('{Name}\n', command, [{ Name: 'a\nb\x1b\x9b' }], { terminal: true }),
    'a\\nb\\u001b\\u009b\n\n',
  )
})

test('a line for each item, of lists and of maps; what speaks of the whole alone is printed once', async () => {
  const list = described({
    result: { Objects: [{ Hash: 'text', Links: [{ Name: 'text', Hash: 'cid' }] }], Count: 'int' },
    items: { at: 'Objects.*.Links' },
  })
  const listed = {
    Objects: [
      { Hash: 'one', Links: [{ Name: 'a', Hash: 'A' }] },
      {
        Hash: 'two',
        Links: [
          { Name: 'b', Hash: 'B' },
          { Name: 'c', Hash: 'C' },
        ],
      },
    ],
    Count: 3,
  }
  assert.equal(await printed('{Name} {Hash} of {Count}', list, [listed]), 'a A of 3\nb B of 3\nc C of 3\n')
  assert.equal(await printed('{Count} {Objects.1.Hash}', list, [listed]), '3 two\n')
  assert.equal(await printed('x', list, [listed]), 'x\nx\nx\n')

  const texts = described({ result: { Strings: NAMES }, items: { at: 'Strings', name: 'Topic' } })
  assert.equal(await printed('{Topic}', texts, [{ Strings: ['a', 'b'] }]), 'a\nb\n')
  assert.equal(await printed('{Topic}', texts, [{ Strings: null }]), '')
  assert.equal(await printed('{Strings.1}', texts, [{ Strings: ['a', 'b'] }]), 'b\n')

  const whole = described({ result: [{ Code: 'int', Name: 'text' }] })
  assert.equal(
    await printed('{Name}', whole, [
      [
        { Code: 1, Name: 'a' },
        { Code: 2, Name: 'b' },
      ] as never,
    ]),
    'a\nb\n',
  )

  const pins = { Keys: { A: { Type: 'direct', Name: '' }, B: { Type: 'recursive', Name: 'n' } } }
  const want = 'A direct \nB recursive n\n'
  assert.equal(await printed('{Cid} {Type} {Name}', pinLs, [pins]), want)
  const stream = [
    { Cid: 'A', Type: 'direct' },
    { Cid: 'B', Type: 'recursive', Name: 'n' },
  ]
  assert.equal(await printed('{Cid} {Type} {Name}', pinLs, stream), want)
  assert.equal(await printed('{Cid}', pinLs, [{}]), '')
})

test('only records of a kind have items, and those that have none of the fields are passed over', async () => {
  const events = described({
    result: { Type: 'int', Responses: maybe([{ ID: 'text' }]) },
    items: { at: 'Responses', only: ['Type', 4] },
  })
  const records = [
    { Type: 1, Responses: [{ ID: 'a' }] },
    { Type: 4, Responses: [{ ID: 'b' }] },
    { Type: 2, Responses: null },
  ]
  assert.equal(await printed('{ID}', events, records), 'b\n')
  assert.equal(await printed('{Type}', events, records), '1\n4\n2\n')
  const added = described({ result: { 'Hash?': 'cid', 'Bytes?': 'int' } })
  assert.equal(await printed('{Hash}', added, [{ Bytes: 1 }, { Hash: 'A' }]), 'A\n')
})

test('a field that no result has, and a command that prints bytes, are refused before anything is done', () => {
  const usage =
    (hint: RegExp) =>
    (error: unknown): boolean =>
      error instanceof Failure && error.kind === 'usage' && hint.test(error.hint ?? '')
  assert.throws(() => new Template('{Nothing}', pinLs), usage(/^it has Type, Name, Expires, Labels, Cid$/))
  assert.throws(() => new Template('{Cid.x}', pinLs), usage(/^it has/))
  assert.throws(() => new Template('{Key}', described({ output: 'bytes' })), usage(/^$/))
  assert.doesNotThrow(() => new Template('{Labels.any} {Keys.any.Type}', pinLs))
})
