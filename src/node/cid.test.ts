import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../contract/failure.ts'
import { formatCid, parseCid } from './cid.ts'
import { BASES } from './multibase.ts'

const PLAIN = { cidBase: undefined, upgradeCidV0: false }
const V0 = 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'
const V1 = 'bafybeig6xv5nwphfmvcnektpnojts33jqcuam7bmye2pb54adnrtccjlsu'

/** One CID in every encoding, as `ipfs cid format -b` of Kubo 0.44 prints it. */
const ENCODED: readonly (readonly [base: string, text: string])[] = [
  [
    'base2',
    '0000000010111000000010010001000001101111010111101011110101101101100111100111001010110010101000100110100100010101001101111011010111001001100111001011011110110100110000000101010000000011001111100001011001100000100110100111100001111011110000000000110110110001100110001000010010010101110010101',
  ],
  ['base32', 'bafybeig6xv5nwphfmvcnektpnojts33jqcuam7bmye2pb54adnrtccjlsu'],
  ['base32upper', 'BAFYBEIG6XV5NWPHFMVCNEKTPNOJTS33JQCUAM7BMYE2PB54ADNRTCCJLSU'],
  ['base32pad', 'cafybeig6xv5nwphfmvcnektpnojts33jqcuam7bmye2pb54adnrtccjlsu======'],
  ['base32padupper', 'CAFYBEIG6XV5NWPHFMVCNEKTPNOJTS33JQCUAM7BMYE2PB54ADNRTCCJLSU======'],
  ['base16', 'f01701220debd7adb3ce56544d22a6f6b93396f6980a8067c2cc134f0f7801b6331092b95'],
  ['base16upper', 'F01701220DEBD7ADB3CE56544D22A6F6B93396F6980A8067C2CC134F0F7801B6331092B95'],
  ['base36', 'k2jmtxwwysrxovbfxf0oqha38epntxzm3rkvg5arsyk19cknjhwiomtx'],
  ['base36upper', 'K2JMTXWWYSRXOVBFXF0OQHA38EPNTXZM3RKVG5ARSYK19CKNJHWIOMTX'],
  ['base64', 'mAXASIN69ets85WVE0ipva5M5b2mAqAZ8LME08PeAG2MxCSuV'],
  ['base64pad', 'MAXASIN69ets85WVE0ipva5M5b2mAqAZ8LME08PeAG2MxCSuV'],
  ['base32hexpad', 't05o1486unltdmf75cl2d4ajfde9jirr9g2k0cv1co4qf1ts03dhj229bik======'],
  ['base32hexpadupper', 'T05O1486UNLTDMF75CL2D4AJFDE9JIRR9G2K0CV1CO4QF1TS03DHJ229BIK======'],
  ['base64url', 'uAXASIN69ets85WVE0ipva5M5b2mAqAZ8LME08PeAG2MxCSuV'],
  ['base64urlpad', 'UAXASIN69ets85WVE0ipva5M5b2mAqAZ8LME08PeAG2MxCSuV'],
  ['base32hex', 'v05o1486unltdmf75cl2d4ajfde9jirr9g2k0cv1co4qf1ts03dhj229bik'],
  ['base32hexupper', 'V05O1486UNLTDMF75CL2D4AJFDE9JIRR9G2K0CV1CO4QF1TS03DHJ229BIK'],
  ['base58btc', 'zdj7WkRPAX9o9nb9zPbXzwG7JEs78uyhwbUs8JSUayB98DWWY'],
  ['base58flickr', 'ZCJ7vKqoaw9N9MA9ZoAwZWg7ieS78UYGWAtS8irtzYb98dvvx'],
  ['base256emoji', '🚀🪐⭐💻😅🐷🌱💐🤑😱🙇✋💛🤠😆😓🙃😫✌😓🌟😕✊🌒🎊💪▶😇💡🎼😕🙏💃💜🌕🙄🤙'],
]

test('reads and writes every encoding as Kubo does', () => {
  assert.deepEqual(
    ENCODED.map(([base]) => base),
    BASES.slice(1).map(({ name }) => name),
  )
  for (const [base, text] of ENCODED) {
    const cid = parseCid(text)
    assert.equal(formatCid(cid, PLAIN), V1, base)
    assert.equal(formatCid(cid, { cidBase: base, upgradeCidV0: false }), text)
  }
})

test('letters of either case are read where the encoding knows no case', () => {
  for (const text of [V1.toUpperCase(), `b${V1.slice(1).toUpperCase()}`])
    assert.equal(formatCid(parseCid(text), PLAIN), V1)
})

test('CIDv0 stays as it is unless it is to be upgraded', () => {
  assert.equal(formatCid(parseCid(V0), { cidBase: 'base64', upgradeCidV0: false }), V0)
  assert.equal(formatCid(parseCid(`z${V0}`), PLAIN), V0)
  const upgraded = formatCid(parseCid(V0), { cidBase: undefined, upgradeCidV0: true })
  assert.equal(upgraded, 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
  assert.equal(formatCid(parseCid(upgraded), PLAIN), upgraded)
})

/** Texts that Kubo 0.44 refuses, each with what it says. */
const BROKEN: readonly (readonly [text: string, says: string])[] = [
  ['', 'cid too short'],
  ['Q', 'cid too short'],
  ['bafy', 'varints malformed, could not reach the end'],
  ['zQmxx', 'expected 1 as the cid version number, got: 70'],
  ['foo', "encoding/hex: invalid byte: U+006F 'o'"],
  ['f0', 'encoding/hex: odd length hex string'],
  ['uAXASI', 'illegal base64 data at input byte 4'],
  ['bafy!', 'illegal base32 data at input byte 3'],
  ['z0', "invalid base58 digit ('0')"],
  ['k!', "invalid base36 character ('!')"],
  ['01012', 'error while conversion: strconv.ParseInt: parsing "00001012": invalid syntax'],
  [`${V0}X`, 'selected encoding not supported'],
  [V0.replace('N', '0'), "input isn't valid multihash"],
  ['f01551220', 'length greater than remaining number of bytes in buffer'],
  ['f0155000000', 'trailing bytes'],
  ['f01d5000000', 'varint not minimally encoded'],
]

for (const [text, says] of BROKEN) {
  test(`refuses "${text}"`, () => {
    assert.throws(
      () => parseCid(text),
      (error: unknown) => error instanceof Failure && error.kind === 'usage' && error.message.includes(says),
    )
  })
}

test('refuses a text of any length at once', () => {
  assert.throws(() => parseCid(`z${'2'.repeat(5_000_000)}`), { message: /longer than 8192 characters/ })
})
