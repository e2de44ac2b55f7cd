import type { CID } from 'multiformats/cid'
import type { Repo } from '../repo/roles.ts'
import type { PbLink } from './dag-pb.ts'
import { putLeaf } from './file-layout.ts'
import { buildDirectory } from './importer/build-directory.ts'
import { IMPORT_PLAIN } from './importer/plain-options.ts'
import { importSettingsOf } from './importer/settings.ts'

/** The pages that a repo begins with when it is asked not to be empty: something to read, and to try commands on. */
const PAGES: Readonly<Record<string, string>> = {
  readme: `Welcome to IPFS.

This page came out of your own repo: it was looked up by the hash of what it
says, and checked against it. The other pages in this folder:

  about            what IPFS is
  help             where to find help
  quick-start      the first commands
  readme           this page
  security-notes   what is kept secret, and what is not

To read one of them:  tsipfs cat /ipfs/CID-OF-THIS-FOLDER/quick-start
`,
  about: `About IPFS

IPFS names content by what it is and not by where it lies. A file is cut into
blocks, each block is named by its hash (its CID), and blocks that name other
blocks make up files and folders. Who has the CID can take the blocks from
anybody who has them, and see that they are the right ones.

tsipfs reads and writes such blocks in a repo of your own, and shares them with
other nodes while its daemon runs. Its commands are those of Kubo, the IPFS
implementation in Go.

More on the protocols: https://docs.ipfs.tech and https://specs.ipfs.tech
`,
  help: `Help

  tsipfs --help            all commands
  tsipfs COMMAND --help    one command, with examples
  tsipfs commands --flags  each command with its options
  tsipfs doctor            looks for what is wrong with this node

Each failure is one line on standard error that says what to do, and its exit
status tells its kind: man tsipfs-exit-status lists them.
`,
  'quick-start': `Quick start

Put a file or a folder into your repo, and keep it there:

  tsipfs add hello.txt
  tsipfs add -r photos

Read it again, by the CID that was printed:

  tsipfs cat CID
  tsipfs ls CID
  tsipfs get CID -o there

See what is kept, let go of it, and make room:

  tsipfs pin ls --type=recursive
  tsipfs pin rm CID
  tsipfs repo gc

Share it with other nodes, for as long as this runs:

  tsipfs daemon
`,
  'security-notes': `Security notes

What you add is not encrypted. While a daemon runs, everybody who knows a CID
can fetch what it names from you: encrypt what is to stay secret before you add
it. What others have fetched cannot be taken back.

Connections between nodes are encrypted, but other nodes see your addresses,
which blocks you ask for, and which ones you say that you have.

Each block is checked against its CID whenever it is read. A CID says that
content is what it was, not that it is harmless, or who made it.

The repo, its keys and the socket of the daemon are for your user alone. Who can
reach the RPC of a daemon can do with the node what you can: keep it on this
machine, or ask for a password with API.Authorizations in the config.
`,
}

/** Adds the pages to a repo as a folder, pins it, and returns its CID. */
export async function addInitDocs(repo: Pick<Repo, 'blocks' | 'config' | 'pins'>): Promise<CID> {
  const settings = importSettingsOf(await repo.config.read(), IMPORT_PLAIN)
  const links: PbLink[] = []
  for (const [name, text] of Object.entries(PAGES)) {
    const { cid, size } = await putLeaf(repo.blocks, new TextEncoder().encode(text), settings.file)
    links.push({ name, cid, size })
  }
  const { cid } = await buildDirectory(repo.blocks, links, settings.directory)
  await repo.pins.put([{ cid, mode: 'recursive', name: '' }])
  return cid
}
