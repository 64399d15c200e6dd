// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// relay stands between an agent and the API server, so that for the agent the
// server can be away or slow while the test goes on using it.
type relay struct {
	t       *testing.T
	address string // where it listens
	target  string // the server's
	// gate is held while nothing passes.
	gate sync.RWMutex

	mu       sync.Mutex
	listener net.Listener // nil if down
	open     map[net.Conn]bool
}

// relayHost is another address of loopback, so that the port can be the server's.
const relayHost = "127.0.0.2"

func newRelay(t *testing.T) *relay {
	t.Helper()
	target, err := url.Parse(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{
		t: t, address: net.JoinHostPort(relayHost, target.Port()), target: target.Host, open: map[net.Conn]bool{},
	}
	r.up()
	t.Cleanup(r.down)
	return r
}

// up lets clients reach the server.
func (r *relay) up() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.listener = listener
	r.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // down
			}
			go r.serve(client)
		}
	}()
}

// down ends all connections; new ones are refused.
func (r *relay) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener == nil {
		return
	}
	r.listener.Close()
	r.listener = nil
	for c := range r.open {
		c.Close()
	}
	clear(r.open)
}

// hold keeps back what the server says until the returned function is called.
func (r *relay) hold() (release func()) {
	r.gate.Lock()
	return r.gate.Unlock
}

// track has down close the connections. It is false if down was before.
func (r *relay) track(connections ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range connections {
		r.open[c] = true
	}
	return r.listener != nil
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	upstream, err := net.Dial("tcp", r.target)
	if err != nil {
		return // the client sees that
	}
	defer upstream.Close()
	if !r.track(client, upstream) {
		return
	}
	go func() {
		_, _ = io.Copy(upstream, client) // until either end closes
		upstream.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := upstream.Read(buffer)
		if n > 0 {
			r.gate.RLock()
			_, werr := client.Write(buffer[:n])
			r.gate.RUnlock()
			if werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
