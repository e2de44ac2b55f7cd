/** The node's side of the network: libp2p and the protocols on it. Grown by the modules of this folder. */
export interface Network extends AsyncDisposable {
  /** The peer id of this node on the network. */
  readonly peerId: string
}
