package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	frameBytesMax = 65_536
	// Frames that are under way one way; more are dropped, as by a router.
	framesMax = 4_096
)

// Quality is how good a wire is. A line on standard input sets it anew: {"delayMs":20,"loss":0.02} or {"cut":true}.
type Quality struct {
	DelayMs float64 `json:"delayMs"`
	Loss    float64 `json:"loss"`
	Cut     bool    `json:"cut"`
}

type frame struct {
	due   time.Time
	bytes []byte
}

// runWire makes two network devices, `-a` and `-b`, and carries each frame that goes into one out of the other: late, or
// not at all. The devices can be moved to other network namespaces. It ends with standard input.
func runWire(args []string) error {
	flags := flag.NewFlagSet("interop wire", flag.ContinueOnError)
	a := flags.String("a", "", "the name of one device")
	b := flags.String("b", "", "the name of the other")
	if err := flags.Parse(args); err != nil {
		return err
	}
	one, err := openDevice(*a)
	if err != nil {
		return err
	}
	other, err := openDevice(*b)
	if err != nil {
		return err
	}
	quality := atomic.Pointer[Quality]{}
	quality.Store(&Quality{})
	lost := atomic.Int64{}
	carried := atomic.Int64{}
	failed := make(chan error, 4)
	carry(one, other, &quality, &carried, &lost, failed)
	carry(other, one, &quality, &carried, &lost, failed)
	say(Fields{"event": "ready"})
	go func() { failed <- readQualities(&quality, &carried, &lost) }()
	return <-failed
}

func readQualities(quality *atomic.Pointer[Quality], carried, lost *atomic.Int64) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		next := Quality{}
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			return err
		}
		quality.Store(&next)
		say(Fields{"event": "set", "carried": carried.Load(), "lost": lost.Load()})
	}
	return lines.Err()
}

func carry(from, to *os.File, quality *atomic.Pointer[Quality], carried, lost *atomic.Int64, failed chan error) {
	frames := make(chan frame, framesMax)
	go func() {
		for {
			bytes := make([]byte, frameBytesMax)
			size, err := from.Read(bytes)
			if err != nil {
				failed <- err
				return
			}
			now := quality.Load()
			if now.Cut || rand.Float64() < now.Loss || len(frames) == framesMax {
				lost.Add(1)
				continue
			}
			due := time.Now().Add(time.Duration(now.DelayMs * float64(time.Millisecond)))
			frames <- frame{due: due, bytes: append([]byte(nil), bytes[:size]...)}
		}
	}()
	go func() {
		for next := range frames {
			time.Sleep(time.Until(next.due))
			carried.Add(1)
			// A device that is down takes nothing: the frame is lost, and the wire goes on.
			if _, err := to.Write(next.bytes); err != nil {
				lost.Add(1)
			}
		}
	}()
}

// openDevice makes a network device whose other end is the file.
func openDevice(name string) (*os.File, error) {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("no name for a device: %q", name)
	}
	descriptor, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(descriptor), unix.TUNSETIFF, uintptr(unsafe.Pointer(request))); errno != 0 {
		return nil, fmt.Errorf("%s: %w", name, errno)
	}
	if err := unix.SetNonblock(descriptor, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(descriptor), name), nil
}
