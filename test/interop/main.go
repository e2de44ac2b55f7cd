// Command interop is a peer on the Go modules of libp2p, Bitswap, pubsub and the DHT, for the tests of tsipfs.
//
// It reads requests from standard input, a JSON object a line: {"id":1,"do":"dial","addr":"/ip4/…"}. It answers each
// on standard output, in any order: {"id":1,"result":…} or {"id":1,"error":"…"}. What nobody asked for is an event:
// {"event":"ready",…} when it has begun, {"event":"message",…} for each message of pubsub. It ends with standard input.
//
// As `interop wire` it is a cable between two network namespaces instead: see wire.go.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Request is one line that came in. Which fields count depends on what is to be done.
type Request struct {
	ID        int64    `json:"id"`
	Do        string   `json:"do"`
	Addr      string   `json:"addr"`
	Peer      string   `json:"peer"`
	Cid       string   `json:"cid"`
	Cids      []string `json:"cids"`
	Topic     string   `json:"topic"`
	Protocol  string   `json:"protocol"`
	Value     string   `json:"value"`
	Data      []byte   `json:"data"`
	Size      int64    `json:"size"`
	Seed      int64    `json:"seed"`
	Count     int      `json:"count"`
	TimeoutMs int64    `json:"timeoutMs"`
}

// Fields is an answer of several values.
type Fields map[string]any

const timeoutInitial = 30 * time.Second

var output = struct {
	sync.Mutex
	*json.Encoder
}{Encoder: json.NewEncoder(os.Stdout)}

func say(value any) {
	output.Lock()
	defer output.Unlock()
	// Whoever reads has gone: so does this process, with its standard input.
	_ = output.Encode(value)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "wire" {
		return runWire(args[1:])
	}
	settings := Settings{}
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.StringVar(&settings.Listen, "listen", "/ip4/127.0.0.1/tcp/0", "addresses to listen on, by commas; none when empty")
	flags.StringVar(&settings.Security, "security", "tls,noise", "tls, noise or both, the preferred one first")
	flags.StringVar(&settings.Bitswap, "bitswap", "", "versions of Bitswap that are spoken, by commas; all when empty")
	flags.StringVar(&settings.Pubsub, "pubsub", "gossipsub", "gossipsub, floodsub or none")
	flags.StringVar(&settings.SwarmKey, "swarm-key", "", "the file with the key of a private network")
	flags.BoolVar(&settings.Relay, "relay", false, "be a relay, and a server of AutoNAT, that all may use")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	node, err := start(ctx, settings)
	if err != nil {
		return err
	}
	defer node.host.Close()
	addrs := []string{}
	for _, addr := range node.host.Addrs() {
		addrs = append(addrs, addr.String()+"/p2p/"+node.host.ID().String())
	}
	say(Fields{"event": "ready", "id": node.host.ID().String(), "addrs": addrs})
	return serve(ctx, node)
}

// serve answers requests until standard input ends. Each has a goroutine of its own: one that waits holds up no other.
func serve(ctx context.Context, node *Node) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		request := Request{}
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			return err
		}
		go answer(ctx, node, request)
	}
	return lines.Err()
}

func answer(ctx context.Context, node *Node, request Request) {
	timeout := timeoutInitial
	if request.TimeoutMs > 0 {
		timeout = time.Duration(request.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	do, known := actions[request.Do]
	if !known {
		say(Fields{"id": request.ID, "error": "unknown: " + request.Do})
		return
	}
	result, err := do(ctx, node, request)
	if err != nil {
		say(Fields{"id": request.ID, "error": err.Error()})
		return
	}
	say(Fields{"id": request.ID, "result": result})
}

// Action carries out one kind of request.
type Action func(ctx context.Context, node *Node, request Request) (any, error)

var actions = map[string]Action{
	"dial":          dial,
	"close":         closePeer,
	"peer":          describePeer,
	"peers":         listPeers,
	"ping":          pingPeer,
	"garbage":       garbage,
	"crowd":         crowd,
	"crowdLeft":     crowdLeft,
	"put":           putFile,
	"putBlock":      putBlock,
	"lie":           lie,
	"fetch":         fetchFile,
	"fetchBlock":    fetchBlock,
	"presences":     presences,
	"wantlist":      wantlist,
	"ledger":        ledger,
	"subscribe":     subscribe,
	"publish":       publish,
	"topicPeers":    topicPeers,
	"provide":       provide,
	"findProviders": findProviders,
	"findPeer":      findPeer,
	"putName":       putName,
	"getName":       getName,
}
