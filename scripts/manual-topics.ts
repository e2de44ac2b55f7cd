/** Manual pages that belong to no command. */

export const ENVIRONMENT_TOPIC = {
  name: 'tsipfs-environment',
  section: '7',
  summary: 'the environment variables that tsipfs reads',
  text: 'A flag wins over a variable, a variable over the config file.',
  terms: [
    ['TSIPFS_PATH', 'The folder of the repo. Where it is not set, IPFS_PATH is read, else ~/.tsipfs is used.'],
    ['IPFS_PATH', 'The folder of the repo, when TSIPFS_PATH is not set.'],
    [
      'TSIPFS_KEY__SUB',
      'Overrides the config key Key.Sub for this run; two underscores stand for a dot, case is ignored.',
    ],
    ['TSIPFS_RUNTIME', 'node: use the bundle on Node 24 in place of the executable.'],
    ['TSIPFS_NODE', 'The Node to use for the bundle.'],
    ['NO_COLOR', 'No colour, when it is not empty.'],
    ['FORCE_COLOR, CLICOLOR_FORCE', 'Colour even when standard output is no terminal.'],
    ['CLICOLOR', '0: no colour, unless one of the two above asks for it.'],
    ['TERM', 'dumb: no colour and no progress bar.'],
    ['VISUAL, EDITOR', 'The editor of tsipfs config edit.'],
    [
      'TSIPFS_KEY_PASSPHRASE, TSIPFS_KEY_PASSPHRASE_FILE, TSIPFS_KEY_PASSPHRASE_FD',
      'The passphrase of encrypted keys, the file that holds it, or the number of the open file that it is read from.',
    ],
    ['TSIPFS_CI', 'The CI system that is told of results: auto, github, gitlab or none. The default of --ci.'],
    ['GITHUB_ACTIONS, GITLAB_CI', 'Set to true by those systems: with --ci=auto they are told.'],
    ['TSIPFS_DOTENV', 'On GitLab, the file that outputs are written to.'],
    ['LIBP2P_FORCE_PNET', '1: no network without a swarm key.'],
    ['IPFS_NS_MAP', 'Names that resolve to fixed paths, for tests: name:path, separated by commas.'],
    ['GOLOG_LOG_LEVEL', 'The level of the log of the daemon; subsystem=level, separated by commas.'],
    ['NOTIFY_SOCKET', 'Set by systemd: the daemon tells when it is ready.'],
    ['BUN_OPTIONS, BUN_BE_BUN', 'Taken away by the launcher: they would change what the executable is.'],
    ['BUN_JSC_useJIT', '0 or 1: whether a daemon that is to be small compiles JavaScript. Unset: it does not.'],
    ['XDG_RUNTIME_DIR', 'Where the socket of the daemon lies when the path of the repo is too long for one.'],
  ],
} as const

export const OUTPUT_TOPIC = {
  name: 'tsipfs-output',
  section: '7',
  summary: 'what commands print, for people and for programs',
  text: 'The result goes to standard output, all else to standard error: progress, warnings, failures. Progress and colour are shown on a terminal only, unless asked for. Nothing asks a question. When the reader goes away the command ends quietly with 141.',
  terms: [
    [
      '--json',
      'One JSON object a line, in the shape of the RPC. Fields are only ever added. tsipfs schema COMMAND prints the JSON Schema. A failure is one line of JSON on standard error: Message, Code, Type, kind, hint. The kinds are a closed list: tsipfs schema --failure.',
    ],
    [
      '--template=text',
      'A line for each result, and for each item where a result is a list of them: {Field}, {Field.Sub} and {Field.0} are filled in, with the fields of the item, then with those of what it lies in. What a result lacks is empty, lists and records are JSON, and a field that no result has is refused before anything is done. The escapes are \\n, \\t, \\r, \\0, \\\\ and \\{; other braces are text.',
    ],
    [
      '-0, --null',
      'NUL ends each line instead of a newline. Names are printed as they are, with a tab between columns; for people they are escaped. With --stdin, NUL ends each argument that is read.',
    ],
    [
      '--stdin, -',
      'Further arguments are read from standard input, one a line; a command that takes one argument runs once for each. - is standard input or output where a file is named.',
    ],
    [
      '--timeout, --lookup-timeout, --stall-timeout',
      'When one has passed the status is 4, and the failure says whom was asked and what was found.',
    ],
  ],
} as const

export const CONFIG_TOPIC = {
  name: 'tsipfs-config',
  section: '5',
  summary: 'the config file of a repo',
  text: 'The file config in the repo is JSON with the schema of Kubo. Read and change it with tsipfs config. Every key can be overridden for one run by --set Key.Sub=value or by the variable TSIPFS_KEY__SUB.',
  terms: [
    [
      'Identity.PeerID, Identity.PrivKey',
      'The identity of the node; the private key is base64 of its libp2p protobuf.',
    ],
    ['Addresses.Swarm', 'Multiaddrs that the daemon listens on for peers.'],
    ['Addresses.API', 'Multiaddr, or a list of them, that the RPC listens on beside the Unix socket of the repo.'],
    ['Bootstrap', 'Multiaddrs of the peers that a node dials first.'],
    ['Datastore.StorageMax, Datastore.StorageGCWatermark', 'When the daemon collects garbage by itself.'],
    ['Import.*', 'Defaults of add: CidVersion, UnixFSRawLeaves, UnixFSChunker, HashFunction and others.'],
    ['Routing.Type', 'auto, autoclient, dht, dhtclient, dhtserver, none or delegated.'],
    ['Swarm.*', 'Connection manager, address filters, relays, port mapping.'],
    [
      'Swarm.ResourceMgr.MaxMemory',
      'What the network may use; half of the memory when it is not set. With 256MiB or less the daemon is sparing: see the profile lowpower.',
    ],
    ['API.Authorizations', 'Secrets that may use the RPC over TCP, and for what.'],
    ['Experimental.FilestoreEnabled', 'Allows add --nocopy.'],
  ],
} as const
