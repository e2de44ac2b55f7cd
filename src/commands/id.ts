import { defineCommand } from '../contract/command.ts'
import { optionalArgument, text } from '../contract/params.ts'
import { maybe } from '../contract/shape.ts'

interface Identity {
  readonly ID: string
  readonly PublicKey: string
  readonly Addresses: readonly string[] | null
  readonly AgentVersion: string
  readonly Protocols: readonly string[] | null
}

export const id = defineCommand({
  path: 'id',
  summary: 'Show the identity of this node, or of a peer',
  description:
    'Shows peer id, public key, addresses, version and protocols: of this node, or of the peer that is named, which is ' +
    'found and dialled for it. Addresses and protocols are those of a running daemon. In --format <id>, <aver>, ' +
    '<pubkey>, <addrs>, <protocols>, \\n and \\t are replaced.',
  examples: [
    { line: "tsipfs id -f '<id>\\n'", explains: 'Print just the peer id.' },
    { line: "tsipfs id 12D3KooW… -f '<addrs>\\n'", explains: 'Print where a peer can be reached.' },
  ],
  needs: 'network',
  output: 'value',
  result: {
    ID: 'text',
    PublicKey: 'text',
    Addresses: maybe(['text']),
    AgentVersion: 'text',
    Protocols: maybe(['text']),
  },
  params: {
    peerid: optionalArgument('peerid', 'The peer to look up', { complete: 'peer' }),
    format: text('Print this text with the values filled in', { short: 'f', caller: true }),
    peeridBase: text('Encoding of peer ids: b58mh or a multibase', { initial: 'b58mh', placeholder: 'base' }),
  },
  async *run(input, { node, signal }): AsyncIterable<Identity> {
    const { ownIdentity, peerIdentity } = await import('../node/identity.ts')
    const { checkPeerIdBase, formatPeerId, parsePeerId } = await import('../node/peer-id.ts')
    checkPeerIdBase(input.peeridBase)
    const own = await ownIdentity(node, { signal })
    const asked = input.peerid === undefined ? own.multihash : parsePeerId(input.peerid)
    const isOwn = Buffer.compare(asked, own.multihash) === 0
    const { multihash: _, ...identity } = isOwn ? own : await peerIdentity(node, asked, { signal })
    yield { ID: formatPeerId(asked, input.peeridBase), ...identity }
  },
  async render(outputs, { input, out }) {
    for await (const identity of outputs) {
      await out.write(
        input.format === undefined ? `${JSON.stringify(identity, undefined, '\t')}\n\n` : fill(input.format, identity),
      )
    }
  },
})

function fill(format: string, { ID, AgentVersion, PublicKey, Addresses, Protocols }: Identity): string {
  return format
    .replaceAll('<id>', () => ID)
    .replaceAll('<aver>', () => AgentVersion)
    .replaceAll('<pubkey>', () => PublicKey)
    .replaceAll('<addrs>', () => (Addresses ?? []).join('\n'))
    .replaceAll('<protocols>', () => (Protocols ?? []).join('\n'))
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
}
