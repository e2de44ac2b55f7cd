/** Networks of their own: hosts in network namespaces of Linux, which nothing outside of them reaches. */
import { spawnSync } from 'node:child_process'
import { GoProcess, type Line } from './go-peer.ts'

let count = 0

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`)
  return stdout
}

function ip(text: string): string {
  return run('ip', text.split(' '))
}

/** Returns why there are no namespaces here; undefined when there are. */
export function withoutNamespaces(): string | undefined {
  try {
    new Host('try')[Symbol.dispose]()
    return undefined
  } catch (error) {
    return `no network namespaces: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Returns why addresses cannot be translated here; undefined when they can. */
export function withoutTranslation(): string | undefined {
  const why = withoutNamespaces()
  if (why !== undefined) return why
  using host = new Host('try')
  try {
    host.filter('table ip try { chain c { type nat hook postrouting priority 100; oifname "eth0" masquerade; }; }')
    return undefined
  } catch (error) {
    return `no translation of addresses: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** A machine: a namespace with nothing but a loopback interface at first. */
export class Host implements Disposable {
  readonly name: string

  constructor(name: string) {
    count += 1
    this.name = `tsipfs-${process.pid}-${count}-${name}`
    ip(`netns add ${this.name}`)
    ip(`-n ${this.name} link set lo up`)
    // Every kernel has it, and what is measured here depends on it.
    this.run('sh', '-c', 'echo reno > /proc/sys/net/ipv4/tcp_congestion_control')
  }

  /** What stands before a command that is to run here. */
  get within(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** Runs a command here to its end, and returns what it printed. */
  run(...words: readonly string[]): string {
    return run('ip', ['netns', 'exec', this.name, ...words])
  }

  /** Runs `ip` here. */
  ip(text: string): void {
    ip(`-n ${this.name} ${text}`)
  }

  /** Sets rules of nftables. */
  filter(rules: string): void {
    this.run('nft', rules)
  }

  /** Makes a device ready: its address is in a network like 10.0.0.1/24. All that is elsewhere goes through `gateway`. */
  configure(device: string, address: string, gateway?: string): void {
    this.ip(`addr add ${address} dev ${device}`)
    this.ip(`link set ${device} up`)
    this.ip(gateway === undefined ? `route replace 224.0.0.0/4 dev ${device}` : `route add default via ${gateway}`)
  }

  /** Hands on what is not for this host, and has whatever leaves by a device leave under its address. */
  translate(device: string): void {
    this.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    this.filter(
      `table ip nat { chain out { type nat hook postrouting priority 100; oifname "${device}" masquerade; }; }`,
    )
  }

  [Symbol.dispose](): void {
    spawnSync('ip', ['netns', 'del', this.name])
  }
}

/** A local network: a bridge in a namespace of its own. */
export class Lan implements Disposable {
  readonly #host = new Host('lan')
  #ports = 0

  constructor() {
    this.#host.ip('link add br0 type bridge mcast_snooping 0')
    this.#host.ip('link set br0 up')
  }

  /** Connects a host; the device there is `device`. */
  connect(host: Host, device: string, address: string, gateway?: string): void {
    this.#ports += 1
    const port = `port${this.#ports}`
    this.#host.ip(`link add ${port} type veth peer name ${device} netns ${host.name}`)
    this.#host.ip(`link set ${port} master br0 up`)
    host.configure(device, address, gateway)
  }

  /** Joins another network to this one. Returns what cuts them apart, or puts them together again. */
  join(other: Lan): (isCut: boolean) => void {
    this.#host.ip(`link add join type veth peer name join netns ${other.#host.name}`)
    for (const host of [this.#host, other.#host]) {
      host.ip('link set join master br0 up')
    }
    return isCut => this.#host.ip(`link set join ${isCut ? 'down' : 'up'}`)
  }

  /** Takes the nth host that was connected away from the others, or brings it back. */
  cut(nth: number, isCut: boolean): void {
    this.#host.ip(`link set port${nth} ${isCut ? 'down' : 'up'}`)
  }

  [Symbol.dispose](): void {
    this.#host[Symbol.dispose]()
  }
}

/** A wire between two hosts that delays and loses, as it is told to. Its other end is in Go: `interop wire`. */
export class Wire implements AsyncDisposable {
  readonly #process: GoProcess
  #next = Promise.withResolvers<Line>()

  private constructor(a: string, b: string) {
    this.#process = new GoProcess(['wire', '-a', a, '-b', b], line => {
      const { resolve } = this.#next
      this.#next = Promise.withResolvers()
      resolve(line)
    })
  }

  /** Lays a wire. The devices are `eth0`, at `addresses`. */
  static async lay(hosts: readonly [Host, Host], addresses: readonly [string, string]): Promise<Wire> {
    count += 1
    const names = [`ts${process.pid}a${count}`, `ts${process.pid}b${count}`] as const
    const wire = new Wire(...names)
    const line = await wire.#next.promise
    if (line.event !== 'ready') throw new Error('the wire cannot be laid')
    for (const [at, host] of hosts.entries()) {
      ip(`link set ${names[at]} netns ${host.name}`)
      host.ip(`link set ${names[at]} name eth0`)
      host.configure('eth0', addresses[at] ?? '')
    }
    return wire
  }

  /** Says how good it is from now on, and returns what it did so far. */
  async set(quality: { delayMs?: number; loss?: number; cut?: boolean }): Promise<{ carried: number; lost: number }> {
    const answer = this.#next.promise
    this.#process.send(quality)
    const { carried, lost } = await answer
    return { carried: Number(carried), lost: Number(lost) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]()
  }
}
