package main

import (
	"context"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// At a time, so that nobody's handshake takes too long.
const dialsMax = 16

// crowd dials a peer as many peers, each with a key of its own, and says how many came in.
func crowd(ctx context.Context, node *Node, request Request) (any, error) {
	info, err := peer.AddrInfoFromString(request.Addr)
	if err != nil {
		return nil, err
	}
	results := make(chan host.Host, request.Count)
	slots := make(chan struct{}, dialsMax)
	for range request.Count {
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results <- comeIn(ctx, *info)
		}()
	}
	for range request.Count {
		if one := <-results; one != nil {
			node.lock.Lock()
			node.crowd = append(node.crowd, one)
			node.lock.Unlock()
		}
	}
	return crowdLeft(ctx, node, request)
}

// comeIn returns a peer that is connected; nil when it was not let in.
func comeIn(ctx context.Context, info peer.AddrInfo) host.Host {
	one, err := libp2p.New(libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport), libp2p.NoListenAddrs,
		libp2p.ResourceManager(&network.NullResourceManager{}))
	if err != nil {
		return nil
	}
	if one.Connect(ctx, info) != nil {
		_ = one.Close()
		return nil
	}
	return one
}

// crowdLeft says how many of the crowd are still connected.
func crowdLeft(_ context.Context, node *Node, _ Request) (any, error) {
	node.lock.Lock()
	defer node.lock.Unlock()
	count := 0
	for _, one := range node.crowd {
		if len(one.Network().Conns()) > 0 {
			count++
		}
	}
	return count, nil
}
