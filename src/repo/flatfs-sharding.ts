import type { ShardingStrategy } from 'blockstore-fs/sharding'
import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

const RAW = 0x55

/** What Kubo writes into the `SHARDING` file of a flatfs: folders are named by the two characters before the key's last. */
export const FLATFS_SHARDING = '/repo/flatfs/shard/v1/next-to-last/2\n'

/**
 * Names files as Kubo's flatfs does, for `blockstore-fs` and for ourselves: by the multihash, in upper-case base32. The
 * `NextToLast` of the library is another layout: it names them by the whole CID.
 */
export class FlatfsSharding implements ShardingStrategy {
  extension = '.data'

  encode(cid: CID): { dir: string; file: string } {
    return this.encodeHash(cid.multihash.bytes)
  }

  encodeHash(hash: Uint8Array): { dir: string; file: string } {
    const name = base32upper.baseEncode(hash)
    return { dir: `__${name}`.slice(-3, -1), file: name + this.extension }
  }

  /** Returns the raw CIDv1 of a file's name, whatever folder stands before it. Throws when it is none of a block. */
  decode(path: string): CID {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (!name.endsWith(this.extension)) throw new Error(`${name}: not the name of a block`)
    const hash = base32upper.baseDecode(name.slice(0, -this.extension.length))
    return CID.createV1(RAW, Digest.decode(hash))
  }
}
