import assert from 'node:assert/strict'
import { test } from 'node:test'
import { displayWidth } from '../contract/display-width.ts'
import { createProgress, progressLine } from './progress.ts'

const LABEL = 'とても長い名前のファイル-とても長い名前のファイル.bin'
const STATE = { label: LABEL, done: 300_000_000, total: 6_000_000_000, unit: 'bytes' } as const

test('a line fits into the terminal, whatever its label, and its parts are whole', () => {
  for (let columns = 20; columns <= 200; columns++) {
    const line = progressLine(STATE, 4_000, columns, '2 peers, 5 wanted')
    assert.ok(displayWidth(line) < columns, `${columns}: ${line}`)
  }
  assert.match(progressLine(STATE, 4_000, 80), /^….*\.bin \[= +\] {2}286\.1 MiB \/ 5\.59 GiB {2}5% {2}71\.5 MiB\/s$/)
  assert.match(progressLine(STATE, 4_000, 120), /1m16s left$/)
})

test('the line is taken away, from a terminal that has become narrower too', async () => {
  const written: string[] = []
  let [columns, at] = [100, 0]
  const sink = { write: async (text: string | Uint8Array) => void written.push(String(text)) }
  const progress = createProgress(
    'bar',
    sink,
    () => columns,
    () => at,
  )
  at = 4_000
  progress.update(STATE)
  columns = 40
  at = 5_000
  progress.update(STATE)
  await progress.clear()
  await progress.clear()
  assert.match(written[0] ?? '', /^\r\u001b\[K…/)
  assert.match(written[1] ?? '', /^\r\u001b\[2A\u001b\[J…/)
  assert.deepEqual(written.slice(2), ['\r\x1b[K'])
})
