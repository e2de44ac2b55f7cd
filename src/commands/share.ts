import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { files, flag, int, texts } from '../contract/params.ts'

/** What `run` yields: the ticket, then each fetch. */
interface Shared {
  readonly Ticket?: string
  readonly Cid?: string
  readonly Size?: string
  readonly Addresses?: readonly string[]
  /** How many have fetched it so far, and who was the last. */
  readonly Fetched?: number
  readonly Peer?: string
}

export const share = defineCommand({
  path: 'share',
  summary: 'Hand out files and folders until they were fetched',
  description:
    'Adds files and folders, prints a ticket, and serves what was added until it was fetched, or the command is ' +
    'interrupted or --timeout is over. "tsipfs get TICKET" on another machine saves it under its name; it needs neither ' +
    'repo nor daemon there. Any command that takes the path of an object takes a ticket.\n\n' +
    'A ticket holds a CID and addresses. With a daemon on this repo they are those of the daemon, which serves it; ' +
    'without one a node listens for as long as the command runs, and gives others what is shared and nothing else. ' +
    'Whoever has the ticket can fetch.\n\n' +
    'Nothing is pinned, unless --pin is given. A peer has fetched when all blocks were sent to it, or the last one was ' +
    'and it went away; fetches of parts do not count.',
  examples: [
    { line: 'tsipfs share video.mp4', explains: 'Print a ticket, and end once somebody has fetched the file.' },
    {
      line: 'tsipfs share --count=3 --timeout=1h ./site',
      explains: 'Serve a folder to three others, an hour at most.',
    },
    { line: 'tar c src | tsipfs share', explains: 'Share what another program writes.' },
    { line: 'tsipfs get uhAF…', explains: 'Save what a ticket stands for.' },
  ],
  needs: 'network',
  createsRepo: true,
  worksWithoutRepo: true,
  writes: true,
  result: {
    'Ticket?': 'text: in the first record',
    'Cid?': 'cid: what is shared',
    'Size?': 'text: bytes of the DAG',
    'Addresses?': ['text'],
    'Fetched?': 'int: how many have fetched it, in a record for each',
    'Peer?': 'text: who has',
  },
  outputs: { cid: 'Cid', ticket: 'Ticket' },
  params: {
    path: files('path', 'The files and folders to share', { folders: true }),
    count: int('How many fetches to wait for', { short: 'n', initial: 1, min: 1 }),
    pin: flag('Keep what is added from garbage collection'),
    recursive: flag('Share folders with all below them', { short: 'r', initial: true }),
    hidden: flag('Share files whose names begin with a dot too', { short: 'H' }),
    ignore: texts('A rule (as in .gitignore) for what is to be left out', { placeholder: 'rule' }),
  },
  async *run(input, { node, source, globals, signal }) {
    if (globals.offline) throw new Failure('usage', 'nothing can be shared with --offline', { hint: 'leave it out' })
    const [{ addShared, FetchCounter, sharedAddresses }, { keepWhile }, { encodeTicket }, { formatCid }] =
      await Promise.all([
        import('../node/share.ts'),
        import('../node/gc.ts'),
        import('../node/ticket.ts'),
        import('../node/cid.ts'),
      ])
    const shared = await addShared(node, source, { pin: input.pin, signal })
    using _kept = keepWhile(node.repo, shared.root)
    const counter = await FetchCounter.of(node.repo.blocks, shared.root, { signal })
    const network = await node.network({ signal, serves: cid => counter.has(cid) })
    const addresses = sharedAddresses(network.swarm)
    if (addresses.length === 0) {
      throw new Failure('network', 'this node has no address at which others could reach it', {
        hint: 'see Addresses.Swarm in the config',
      })
    }
    using _ = network.bitswap.watch(counter)
    yield {
      Ticket: encodeTicket({ root: shared.root, name: shared.name, peer: network.peerId, addresses }),
      Cid: formatCid(shared.cid, globals),
      Size: String(shared.size),
      Addresses: addresses.map(address => `${address}/p2p/${network.peerId}`),
    } as Shared
    for (let fetched = 1; fetched <= input.count; fetched++) {
      yield { Fetched: fetched, Peer: await counter.next({ signal }) } as Shared
    }
    // A node that ends with the command would take back what is on its way still.
    if (network.identity === 'ephemeral') await counter.whenLeft({ signal })
  },
  async render(outputs, { out, err, input }) {
    for await (const { Ticket, Fetched, Peer } of outputs) {
      if (Ticket !== undefined) await out.write(`${Ticket}\n`)
      else await err.write(`fetched by ${Peer} (${Fetched} of ${input.count})\n`)
    }
  },
})
