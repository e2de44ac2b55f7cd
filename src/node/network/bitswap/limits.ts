/** Bounds of the protocol, as the reference implementation (boxo) sets them. */

/** A message that is longer is not read. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
/** A block that is longer is neither sent nor taken. */
export const BLOCK_BYTES_MAX = 2 * 1024 * 1024
/** So many wants of one peer are remembered. */
export const WANTS_PER_PEER_MAX = 1024
/** A CID that is longer is ignored. */
export const CID_BYTES_MAX = 168
/** Blocks for one peer are read ahead up to so many bytes. */
export const OUTSTANDING_BYTES_MAX = 1024 * 1024
/** Blocks are gathered in a message until it has so many bytes; a larger block travels alone. */
export const MESSAGE_BYTES_TARGET = 16 * 1024
/** A block of at most so many bytes is sent in place of the word that it is there. */
export const BLOCK_INSTEAD_OF_HAVE_BYTES_MAX = 1024
/** Entries of one kind in a message that is read. */
export const ENTRIES_MAX = 65_536
/** Inbound streams of one connection. The reference implementation opens one for each message. */
export const INBOUND_STREAMS_MAX = 512
/** Received bytes that may wait for their hash or the disk before reading pauses. */
export const RECEIVED_BYTES_MAX = 16 * 1024 * 1024
/** A stream must be open, and a message be taken, within this time. */
export const SEND_TIMEOUT_MS = 30_000
