package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/message"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/multiformats/go-multiaddr"
)

const queueMax = 4_096

// Settings say what kind of peer this is.
type Settings struct {
	Listen   string
	Security string
	Bitswap  string
	Pubsub   string
	SwarmKey string
	Relay    bool
}

// Node is the peer.
type Node struct {
	host    host.Host
	key     crypto.PrivKey
	blocks  blockstore.Blockstore
	bitswap *bitswap.Bitswap
	seen    *seen
	pubsub  *pubsub.PubSub
	topics  map[string]*pubsub.Topic
	lock    sync.Mutex
	crowd   []host.Host
	dht     *dht.IpfsDHT
}

func start(ctx context.Context, settings Settings) (*Node, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	options, err := hostOptions(settings)
	if err != nil {
		return nil, err
	}
	host, err := libp2p.New(append(options, libp2p.Identity(key))...)
	if err != nil {
		return nil, err
	}
	node := &Node{host: host, key: key, topics: map[string]*pubsub.Topic{}, seen: newSeen()}
	node.blocks = blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))
	var protocols []bsnet.NetOpt
	if settings.Bitswap != "" {
		names := []protocol.ID{}
		for _, version := range strings.Split(settings.Bitswap, ",") {
			names = append(names, protocol.ID("/ipfs/bitswap/"+version))
		}
		protocols = append(protocols, bsnet.SupportedProtocols(names))
	}
	net := bsnet.NewFromIpfsHost(host, protocols...)
	node.bitswap = bitswap.New(ctx, net, nil, node.blocks, bitswap.WithTracer(node.seen))
	if node.pubsub, err = startPubsub(ctx, host, settings.Pubsub); err != nil {
		return nil, err
	}
	node.dht, err = dht.New(host, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/ipfs"), dht.ProtocolExtension("/lan"),
		dht.NamespacedValidator("ipns", ipns.Validator{KeyBook: host.Peerstore()}))
	return node, err
}

func hostOptions(settings Settings) ([]libp2p.Option, error) {
	listen := []string{}
	for _, addr := range strings.Split(settings.Listen, ",") {
		if addr != "" {
			listen = append(listen, addr)
		}
	}
	options := []libp2p.Option{
		libp2p.NoTransports,
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New),
		libp2p.ListenAddrStrings(listen...),
		libp2p.UserAgent("interop"),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	}
	for _, name := range strings.Split(settings.Security, ",") {
		switch name {
		case "tls":
			options = append(options, libp2p.Security(libp2ptls.ID, libp2ptls.New))
		case "noise":
			options = append(options, libp2p.Security(noise.ID, noise.New))
		default:
			return nil, fmt.Errorf("unknown security: %s", name)
		}
	}
	if settings.Relay {
		options = append(options, libp2p.EnableRelayService(), libp2p.EnableNATService(), libp2p.ForceReachabilityPublic())
	}
	if settings.SwarmKey == "" {
		return options, nil
	}
	file, err := os.Open(settings.SwarmKey)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	psk, err := pnet.DecodeV1PSK(file)
	return append(options, libp2p.PrivateNetwork(psk)), err
}

func startPubsub(ctx context.Context, host host.Host, kind string) (*pubsub.PubSub, error) {
	// The queues are short as they come: a burst would be dropped before it is sent.
	options := []pubsub.Option{pubsub.WithPeerOutboundQueueSize(queueMax), pubsub.WithValidateQueueSize(queueMax)}
	switch kind {
	case "gossipsub":
		return pubsub.NewGossipSub(ctx, host, options...)
	case "floodsub":
		return pubsub.NewFloodSub(ctx, host, options...)
	case "none":
		return nil, nil
	}
	return nil, fmt.Errorf("unknown pubsub: %s", kind)
}

func dial(ctx context.Context, node *Node, request Request) (any, error) {
	info, err := peer.AddrInfoFromString(request.Addr)
	if err != nil {
		return nil, err
	}
	if err := node.host.Connect(ctx, *info); err != nil {
		return nil, err
	}
	return info.ID.String(), nil
}

func closePeer(_ context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	return nil, node.host.Network().ClosePeer(id)
}

func listPeers(_ context.Context, node *Node, _ Request) (any, error) {
	list := []string{}
	for _, id := range node.host.Network().Peers() {
		list = append(list, id.String())
	}
	return list, nil
}

// describePeer says what identify and the handshakes have shown.
func describePeer(_ context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	connections := node.host.Network().ConnsToPeer(id)
	if len(connections) == 0 {
		return nil, fmt.Errorf("not connected")
	}
	protocols, err := node.host.Peerstore().GetProtocols(id)
	if err != nil {
		return nil, err
	}
	agent, _ := node.host.Peerstore().Get(id, "AgentVersion")
	state := connections[0].ConnState()
	return Fields{
		"agent":       agent,
		"protocols":   protocols,
		"security":    state.Security,
		"muxer":       state.StreamMultiplexer,
		"early":       state.UsedEarlyMuxerNegotiation,
		"direction":   connections[0].Stat().Direction.String(),
		"addr":        connections[0].RemoteMultiaddr().String(),
		"addrs":       texts(node.host.Peerstore().Addrs(id)),
		"connections": len(connections),
	}, nil
}

func texts(addrs []multiaddr.Multiaddr) []string {
	list := []string{}
	for _, addr := range addrs {
		list = append(list, addr.String())
	}
	return list
}

func pingPeer(ctx context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	select {
	case result := <-ping.Ping(ctx, node.host, id):
		return float64(result.RTT) / float64(time.Millisecond), result.Error
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// garbage opens a stream of a protocol and writes bytes that mean nothing, then waits for the other side to end it.
func garbage(ctx context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	stream, err := node.host.NewStream(ctx, id, protocol.ID(request.Protocol))
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	deadline, _ := ctx.Deadline()
	if err := stream.SetDeadline(deadline); err != nil {
		return nil, err
	}
	written := make(chan int64, 1)
	go func() {
		count, _ := io.CopyN(stream, rand.Reader, request.Size)
		_ = stream.CloseWrite()
		written <- count
	}()
	answered, err := io.Copy(io.Discard, stream)
	end := "closed"
	if err != nil {
		end = err.Error()
	}
	return Fields{"written": <-written, "answered": answered, "end": end}, nil
}

// seen remembers what peers say they have.
type seen struct {
	lock sync.Mutex
	has  map[peer.ID]map[cid.Cid]bool
}

func newSeen() *seen {
	return &seen{has: map[peer.ID]map[cid.Cid]bool{}}
}

func (s *seen) MessageReceived(from peer.ID, received message.BitSwapMessage) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.has[from] == nil {
		s.has[from] = map[cid.Cid]bool{}
	}
	for _, c := range received.Haves() {
		s.has[from][c] = true
	}
	for _, c := range received.DontHaves() {
		s.has[from][c] = false
	}
}

func (s *seen) MessageSent(peer.ID, message.BitSwapMessage) {}

func (s *seen) about(from peer.ID, c cid.Cid) (bool, bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	has, known := s.has[from][c]
	return has, known
}
