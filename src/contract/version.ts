/** The version of this program; the same as in `package.json`. */
export const VERSION = '0.1.0'

/** How this program names itself to others: RPC headers, the agent version of a node. */
export const AGENT = `tsipfs/${VERSION}`
