import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  generateKey,
  marshalPrivateKey,
  marshalPublicKey,
  peerIdText,
  unmarshalPrivateKey,
  unmarshalPublicKey,
} from './keys.ts'

for (const [type, prefix] of [
  ['ed25519', '12D3KooW'],
  ['secp256k1', '16Uiu2HA'],
  ['rsa', 'Qm'],
] as const) {
  test(`a fresh ${type} key survives its serialization`, async () => {
    const key = await generateKey(type)
    assert.deepEqual(await unmarshalPrivateKey(marshalPrivateKey(key)), key)
    assert.deepEqual(unmarshalPublicKey(marshalPublicKey(key.publicKey)), key.publicKey)
    assert.ok(peerIdText(key.publicKey).startsWith(prefix))
  })
}

/** Identities that `ipfs init` of Kubo 0.44 wrote. */
const IDENTITIES = [
  [
    '12D3KooWM5qwgv5JqahtD21q29DgHDFdXvzxTkhLfKyUggApQ12A',
    'CAESQFMu/IVHuzFhOWPF5hL/iMJLuwh97a+Ec3FLXcaPirEOp2esa1E6OdQkKJ9dpBvP5A2e2xpkdPLtSUzK1zdEAqs=',
  ],
  ['16Uiu2HAkx1t6kVVPBcVQnYFCXWia5FDK6HdQXoLzYqpcJNgWhcmw', 'CAISIArwxMmmacgVFaVv5uolKYw18x+pxUik5bi/nqYWNzxh'],
  [
    'QmVhP3cPWAt5SRs5GN8jgfd2i9bJjqxtiwAeMGf9pJu7Hj',
    'CAASpgkwggSiAgEAAoIBAQDdMOAlFrlnVKL0sFQulZSS2wKdpyRVSoc5Xm4WwCO9ztgSM22hSwGAqxhfUF8JgJz0UqNB2GYvlVJoGoCMc1zpakVznoV+hAKAyhLqchRMBHf+N2JIn3Ejbj6qUzvEeZOlfcLsfC9kIafGiup7P3HtAJp3ZVBicVnoFo5xdmYp5eqHBAc4ijvxA35O5u+202LtwsiBhBMsnI++VNn1KPhdvTKNpWOC3tF6PSwf3jZ3VVnYKt6jifmnbXwNczsVRVh24scaY9H7tUbzZ7M7/vEileYpINibYFfxuWJj7PIKUcnivRqk88CtCC7R7QDduxCLqNe83pjiGUmxlqzqdrfRAgMBAAECggEAFl7mWJHxC/SZK5a22ORLe8PXQqMgL1kjjoeQqk/h/YUxQLv/U0APBZioVSF/jyo5FZPTC6qLgTYAuOMvS6UySTA0mII4nahTyXtGiPwjNeIA0c7/q3kmu+7fOyJCafdi2aq7v2e68k1eFtw/ZVowF0iHltpCFEbDEVBQtUSEhimY2T2qSu9qBoyv/1jZNXxMG6G/2LK13WII0OOe+2O7jkesXWpTRho1hSroaHSj9XekGmhdf5I9Wo0d1pCBQ+iC0VK+GDGPDpAXeIBtPwWuoXRCjb8D1Lkmn7QLuRKLGJigiDtZPCiYiX55O18nnst04kIELwIj7fHAkx0slvmV3QKBgQDv1lkLs34sxh3t1/2VO6DINm+7dmRAR29Q7sus0pMIn3bTmPQvuTt90WHSXmOo4xiutbNel/rxYumXEj5Chx0fvyF62RXxTccRolmy0+hPpcn6TxUcu4xE6zmISp48CcHmoC2zs1xsahNkOd6fHFMiUE2tocpuCKve7gSCEVGRpQKBgQDsGNeSKcOsJAX5+uGRnxFxeseHHLIEdrNnHcSt6XbbausmA1oNhm92LHJaLR4ww850z2QRJw72eICYtFI+Zdz07pPVJ71kAEcYx9UrJ3JYBajrVvo+mj2sn5BRUnfdzphcRRqtJkxTg7xJmcATLgnjLXI5cpg639neU+w/I3ydvQKBgDJ2OgQRPwHyqUdqw4sLobeeZIHf1hYEMbKom6gAIjmVO64np3EHGzJMxLU7cOKO7ZmM13GWrpDtS9KiXwEmZoVQdJ3hYRGFWNYn/5F1rpJbgpSs4PdLqqaxi0hW0tY1A1wf5Z3CpjaVVwEmf+WgUwmMNdvLh8kBABCGqeIn/K6VAoGAGdKdwV7QCAPoo27NPSAoyEClkiGRVuuks6KN4HeoiFcpYP782n3ZsxMpbrOAmdTQv/Xu+/FJsat8ZTdTx39cq21sveOa01U0cYFpz06BMx9rWlIpDK/SDw9kuYBLm/b8sxrb0BRgRMIj1ej7GR3v9ukBlUbzX30cVzTWohE/kAECgYBv0egwsoN0fKMuROm2OqSnSjLdv56h2qgUat8ZW0hBLVUmGyPbbjqkdszwSP+uSC0qCCldaMEhGfbpYYtGv6pUd467JWEQ5Hp8oFd4iln0sHdcLYdAinXaN9y2if1WOX/fPHcwO4weHle3pKD8BWBGtqT+ZeLySeGznqm0g2pF4g==',
  ],
] as const

for (const [peerId, privateKey] of IDENTITIES) {
  test(`reads the key of ${peerId}`, async () => {
    const bytes = Uint8Array.from(Buffer.from(privateKey, 'base64'))
    const key = await unmarshalPrivateKey(bytes)
    assert.equal(peerIdText(key.publicKey), peerId)
    assert.deepEqual(marshalPrivateKey(key), bytes)
  })
}

test('refuses kinds and sizes that cannot be', async () => {
  for (const [type, bits] of [['dsa'], ['ed25519', 2048], ['rsa', 1024], ['rsa', 16384]] as const) {
    await assert.rejects(generateKey(type, bits), { kind: 'usage' })
  }
})

test('refuses bytes that are no key', async () => {
  const good = marshalPrivateKey(await generateKey('ed25519'))
  for (const bad of [good.subarray(0, -1), good.subarray(1), Uint8Array.from([...good, 0]), new Uint8Array(0)]) {
    await assert.rejects(unmarshalPrivateKey(bad), { kind: 'failed' })
  }
  await assert.rejects(unmarshalPrivateKey(Uint8Array.from([8, 0, 18, 2, 48, 0])), { kind: 'failed' })
})
