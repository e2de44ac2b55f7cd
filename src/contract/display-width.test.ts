import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutToWidth, displayWidth, endWithin } from './display-width.ts'

test('counts columns as a terminal does', () => {
  const widths = [
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['日本語', 6],
    ['ファイル', 8],
    ['한글', 4],
    ['ａ', 2],
    ['😀', 2],
    ['→…│', 3],
  ] as const
  for (const [text, width] of widths) assert.equal(displayWidth(text), width, text)
})

test('cuts at either end without taking a character apart', () => {
  assert.equal(cutToWidth('日本語', 5), '日本')
  assert.equal(cutToWidth('abc', 3), 'abc')
  assert.equal(endWithin('folder/日本語', 7), '…日本語')
  assert.equal(endWithin('folder/日本語', 6), '…本語')
  assert.equal(endWithin('abc', 3), 'abc')
  assert.equal(endWithin('abc', 1), '')
})
