package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

func (n *Node) topic(name string) (*pubsub.Topic, error) {
	if n.pubsub == nil {
		return nil, fmt.Errorf("there is no pubsub")
	}
	n.lock.Lock()
	defer n.lock.Unlock()
	if topic := n.topics[name]; topic != nil {
		return topic, nil
	}
	topic, err := n.pubsub.Join(name)
	if err == nil {
		n.topics[name] = topic
	}
	return topic, err
}

// subscribe has every message of a topic said as an event.
func subscribe(_ context.Context, node *Node, request Request) (any, error) {
	topic, err := node.topic(request.Topic)
	if err != nil {
		return nil, err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(8192))
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			message, err := subscription.Next(context.Background())
			if err != nil {
				return
			}
			say(Fields{"event": "message", "topic": request.Topic, "from": message.GetFrom().String(), "data": message.Data})
		}
	}()
	return nil, nil
}

// publish says something: data once, or count messages of size bytes, which begin with their number.
func publish(ctx context.Context, node *Node, request Request) (any, error) {
	topic, err := node.topic(request.Topic)
	if err != nil {
		return nil, err
	}
	if request.Count == 0 {
		return nil, topic.Publish(ctx, request.Data)
	}
	for at := range request.Count {
		data := make([]byte, max(request.Size, 4))
		binary.BigEndian.PutUint32(data, uint32(at))
		if err := topic.Publish(ctx, data); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func topicPeers(_ context.Context, node *Node, request Request) (any, error) {
	topic, err := node.topic(request.Topic)
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, id := range topic.ListPeers() {
		list = append(list, id.String())
	}
	return list, nil
}

func provide(ctx context.Context, node *Node, request Request) (any, error) {
	name, err := cid.Decode(request.Cid)
	if err != nil {
		return nil, err
	}
	return nil, node.dht.Provide(ctx, name, true)
}

func findProviders(ctx context.Context, node *Node, request Request) (any, error) {
	name, err := cid.Decode(request.Cid)
	if err != nil {
		return nil, err
	}
	list := []Fields{}
	for info := range node.dht.FindProvidersAsync(ctx, name, max(request.Count, 1)) {
		list = append(list, Fields{"id": info.ID.String(), "addrs": texts(info.Addrs)})
	}
	return list, nil
}

func findPeer(ctx context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	info, err := node.dht.FindPeer(ctx, id)
	return texts(info.Addrs), err
}

// putName signs a record of IPNS with the key of this peer, and stores it in the DHT.
func putName(ctx context.Context, node *Node, request Request) (any, error) {
	value, err := path.NewPath(request.Value)
	if err != nil {
		return nil, err
	}
	record, err := ipns.NewRecord(node.key, value, uint64(request.Count), time.Now().Add(time.Hour), time.Minute)
	if err != nil {
		return nil, err
	}
	bytes, err := ipns.MarshalRecord(record)
	if err != nil {
		return nil, err
	}
	name := ipns.NameFromPeer(node.host.ID())
	return name.String(), node.dht.PutValue(ctx, string(name.RoutingKey()), bytes)
}

// getName looks a record of IPNS up in the DHT, which checks it.
func getName(ctx context.Context, node *Node, request Request) (any, error) {
	name, err := ipns.NameFromString(request.Value)
	if err != nil {
		return nil, err
	}
	bytes, err := node.dht.GetValue(ctx, string(name.RoutingKey()))
	if err != nil {
		return nil, err
	}
	record, err := ipns.UnmarshalRecord(bytes)
	if err != nil {
		return nil, err
	}
	value, err := record.Value()
	if err != nil {
		return nil, err
	}
	sequence, err := record.Sequence()
	return Fields{"value": value.String(), "sequence": sequence}, err
}
