import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SourceEntry } from '../contract/source.ts'
import { boundaryOf, parseMultipart } from './multipart.ts'
import { readUpload, writeUpload } from './upload.ts'

async function* chunksOf(bytes: Uint8Array, ...cuts: number[]): AsyncIterable<Uint8Array> {
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    yield bytes.subarray(from, cut)
    from = cut
  }
}

async function collect(entries: AsyncIterable<SourceEntry>): Promise<unknown[]> {
  const list: unknown[] = []
  for await (const { content, ...entry } of entries) {
    const parts: Uint8Array[] = []
    if (content !== undefined) for await (const chunk of content()) parts.push(Buffer.from(chunk))
    const known = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
    list.push(content === undefined ? known : { ...known, bytes: Buffer.concat(parts).toString('latin1') })
  }
  return list
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(body))
}

const CONTENT = 'one\r\n--two\r\n\r\n-\r\n--bound\r'
/** What a part that tells a mode and no time stands for, as with Kubo. */
const EPOCH = { seconds: 0, nanoseconds: 0 }
const entries: SourceEntry[] = [
  { path: 'd', type: 'directory', mode: 0o1755, mtime: { seconds: -5, nanoseconds: 7 } },
  { path: 'd/a b+%"é\udcff.txt', type: 'file', mode: 0o644, content: () => chunksOf(Buffer.from(CONTENT), 3) },
  { path: 'd/link', type: 'symlink', target: '../\udcfe' },
  { path: 'd/empty', type: 'file', localPath: '/x/em pty', content: () => chunksOf(Buffer.alloc(0)) },
]
const expected = [
  { path: 'd', type: 'directory', mode: 0o1755, sentMode: 0o20004000755, mtime: { seconds: -5, nanoseconds: 7 } },
  { path: 'd/a b+%"é\udcff.txt', type: 'file', mode: 0o644, sentMode: 0o644, mtime: EPOCH, bytes: CONTENT },
  { path: 'd/link', type: 'symlink', target: '../\udcfe', mode: 0o777, sentMode: 0o1000000777 },
  { path: 'd/empty', type: 'file', localPath: '/x/em pty', bytes: '' },
]

async function sample(): Promise<{ boundary: string; bytes: Buffer }> {
  const upload = writeUpload(
    (async function* () {
      yield* entries
    })(),
    { tellsPaths: true },
  )
  return { boundary: boundaryOf(upload.contentType) ?? '', bytes: await bytesOf(upload.body) }
}

test('entries come back as they were sent, wherever the body is cut', async () => {
  const { boundary, bytes } = await sample()
  for (let cut = 0; cut <= bytes.length; cut++) {
    const read = readUpload(chunksOf(bytes, cut), boundary, { trustsPaths: true })
    assert.deepEqual(await collect(read), expected, `cut at ${cut}`)
  }
  const single = readUpload(chunksOf(bytes, ...bytes.keys()), boundary, { trustsPaths: true })
  assert.deepEqual(await collect(single), expected, 'a byte at a time')
})

test('a body that ends too early fails, wherever it ends', async () => {
  const { boundary, bytes } = await sample()
  for (let length = 0; length < bytes.length - 4; length++) {
    const part = bytes.subarray(0, length)
    for (const body of [chunksOf(part), { whole: () => Promise.resolve(part) }]) {
      const read = collect(readUpload(body, boundary, { trustsPaths: false }))
      await assert.rejects(read, { kind: 'usage', message: /ended before/ }, `length ${length}`)
    }
  }
})

test('content that nobody reads is skipped', async () => {
  const { boundary, bytes } = await sample()
  const names: string[] = []
  for await (const part of parseMultipart(chunksOf(bytes, 100), boundary)) {
    names.push(part.headers.get('content-type') ?? '')
  }
  assert.equal(names.length, 4)
})

test('paths are not taken from callers that are not trusted', async () => {
  const { boundary, bytes } = await sample()
  const list = await collect(readUpload(chunksOf(bytes), boundary, { trustsPaths: false }))
  assert.ok(!JSON.stringify(list).includes('localPath'))
})

function bodyOf(...parts: string[]): AsyncIterable<Uint8Array> {
  return chunksOf(Buffer.from(`${parts.map(part => `--b\r\n${part}`).join('\r\n')}\r\n--b--\r\n`, 'latin1'))
}
const read = (...parts: string[]) => collect(readUpload(bodyOf(...parts), 'b', { trustsPaths: false }))
const file = (name: string) => `Content-Disposition: form-data; name="file"; filename="${name}"\r\n\r\nx`

test('names stay inside, and folders that are only implied come first', async () => {
  assert.deepEqual(await read(file('%2e%2e/../a//b/./c'), file('a%2Fd'), file('100%'), file('x%00y')), [
    { path: 'a', type: 'directory' },
    { path: 'a/b', type: 'directory' },
    { path: 'a/b/c', type: 'file', bytes: 'x' },
    { path: 'a/d', type: 'file', bytes: 'x' },
    { path: '100%', type: 'file', bytes: 'x' },
    { path: 'x\0y', type: 'file', bytes: 'x' },
  ])
})

test('what other clients write is understood', async () => {
  assert.deepEqual(
    await read(
      'content-disposition: form-data; name="file-1?mode=0755&mtime=1700000000&mtime-nsecs=5"; filename="a"\r\n\r\n1',
      'Content-Disposition: form-data; name=data\r\n\r\n2',
      'Content-Disposition: form-data; name="f"; filename*=UTF-8\'\'%C3%A9\r\nContent-Type: text/plain; charset=x\r\n\r\n3',
      '\r\n4',
      'Content-Disposition: form-data;\r\n name="file";\r\n\tfilename="folded"\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n=35=\r\n.',
    ),
    [
      {
        path: 'a',
        type: 'file',
        mode: 0o755,
        sentMode: 0o755,
        mtime: { seconds: 1_700_000_000, nanoseconds: 5 },
        bytes: '1',
      },
      { path: '', type: 'file', bytes: '2' },
      { path: 'é', type: 'file', bytes: '3' },
      { path: '', type: 'file', bytes: '4' },
      { path: 'folded', type: 'file', bytes: '5.' },
    ],
  )
  const tight = chunksOf(Buffer.from('--b\r\nA: 1\r\n\r\n--b  \r\nA: 2\r\n\r\n--b--'), 14, 15)
  assert.equal((await collect(readUpload(tight, 'b', { trustsPaths: false }))).length, 2)
})

test('hostile bodies fail early', async () => {
  const endless = (async function* () {
    for (;;) yield Buffer.alloc(4096, 0x61)
  })()
  await assert.rejects(collect(readUpload(endless, 'b', { trustsPaths: false })), /no boundary/)
  await assert.rejects(read(`X: ${'a'.repeat(70_000)}\r\n\r\n`), /headers of a part/)
  await assert.rejects(read('no colon\r\n\r\n'), /no colon/)
  await assert.rejects(read(file('a'.repeat(70_000))), /headers of a part|too long/)
  const link = `Content-Type: application/symlink\r\n\r\n${'a'.repeat(70_000)}`
  await assert.rejects(read(link), /too long/)
  await assert.rejects(collect(readUpload(chunksOf(Buffer.from('--bX\r\n')), 'b', { trustsPaths: false })), /boundary/)
  assert.throws(() => boundaryOf('multipart/form-data'), /boundary/)
  assert.throws(() => boundaryOf(`multipart/form-data; boundary=${'a'.repeat(300)}`), /boundary/)
  assert.equal(boundaryOf('application/json'), undefined)
})
