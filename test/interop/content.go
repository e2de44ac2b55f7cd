package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"time"

	"github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer"
	ufsio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multihash"
)

const chunkBytes = 262_144

// putFile makes a file of bytes that look random, and says its hash.
func putFile(ctx context.Context, node *Node, request Request) (any, error) {
	service := merkledag.NewDAGService(blockservice.New(node.blocks, nil))
	hash := sha256.New()
	bytes := io.TeeReader(io.LimitReader(rand.New(rand.NewSource(request.Seed)), request.Size), hash)
	root, err := importer.BuildDagFromReader(service, chunk.NewSizeSplitter(bytes, chunkBytes))
	if err != nil {
		return nil, err
	}
	return Fields{"cid": root.Cid().String(), "sha256": hex.EncodeToString(hash.Sum(nil))}, nil
}

// putBlock stores a raw block, and gives it to those who have asked for it before.
func putBlock(ctx context.Context, node *Node, request Request) (any, error) {
	hash, err := multihash.Sum(request.Data, multihash.SHA2_256, -1)
	if err != nil {
		return nil, err
	}
	block, err := blocks.NewBlockWithCid(request.Data, cid.NewCidV1(cid.Raw, hash))
	if err != nil {
		return nil, err
	}
	if err := node.blocks.Put(ctx, block); err != nil {
		return nil, err
	}
	return block.Cid().String(), node.bitswap.NotifyNewBlocks(ctx, block)
}

// lie stores bytes under the name of others.
func lie(ctx context.Context, node *Node, request Request) (any, error) {
	name, err := cid.Decode(request.Cid)
	if err != nil {
		return nil, err
	}
	block, err := blocks.NewBlockWithCid(request.Data, name)
	if err != nil {
		return nil, err
	}
	return nil, node.blocks.Put(ctx, block)
}

// fetchFile reads a file over Bitswap to its end.
func fetchFile(ctx context.Context, node *Node, request Request) (any, error) {
	name, err := cid.Decode(request.Cid)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	service := merkledag.NewDAGService(blockservice.New(node.blocks, node.bitswap))
	session := merkledag.NewSession(ctx, service)
	root, err := session.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	reader, err := ufsio.NewDagReader(ctx, root, session)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	size, err := io.Copy(hash, reader)
	if err != nil {
		return nil, err
	}
	return Fields{"size": size, "sha256": hex.EncodeToString(hash.Sum(nil)), "ms": time.Since(begin).Milliseconds()}, nil
}

func fetchBlock(ctx context.Context, node *Node, request Request) (any, error) {
	name, err := cid.Decode(request.Cid)
	if err != nil {
		return nil, err
	}
	block, err := node.bitswap.GetBlock(ctx, name)
	if err != nil {
		return nil, err
	}
	return block.RawData(), nil
}

// presences asks a peer whether it has blocks, and returns its answers in the same order.
func presences(ctx context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	names := []cid.Cid{}
	question := message.New(false)
	for at, text := range request.Cids {
		name, err := cid.Decode(text)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		question.AddEntry(name, int32(len(request.Cids)-at), pb.Message_Wantlist_Have, true)
	}
	stream, err := node.host.NewStream(ctx, id, protocol.ID("/ipfs/bitswap/1.2.0"))
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	if err := question.ToNetV1(stream); err != nil {
		return nil, err
	}
	answers := []string{}
	for _, name := range names {
		has, err := waitForPresence(ctx, node, id, name)
		if err != nil {
			return answers, err
		}
		answers = append(answers, map[bool]string{true: "have", false: "dont-have"}[has])
	}
	return answers, nil
}

func waitForPresence(ctx context.Context, node *Node, id peer.ID, name cid.Cid) (bool, error) {
	for {
		if has, known := node.seen.about(id, name); known {
			return has, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("no answer for %s: %w", name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// wantlist says what a peer has asked for here.
func wantlist(_ context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, name := range node.bitswap.WantlistForPeer(id) {
		list = append(list, name.String())
	}
	return list, nil
}

func ledger(_ context.Context, node *Node, request Request) (any, error) {
	id, err := peer.Decode(request.Peer)
	if err != nil {
		return nil, err
	}
	return node.bitswap.LedgerForPeer(id), nil
}
