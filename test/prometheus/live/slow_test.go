// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
)

// checkSlowReaders has more scrapers than are served at a time read one byte each, and
// no more. Meanwhile events are counted, and others are served.
func (a *agent) checkSlowReaders(t *testing.T) {
	const readers = 12
	for range readers {
		a.readByte(t)
	}
	trigger(t, "repeat", "23", "setuid", "1")
	if got := a.counted(t); got != setuids+23 {
		t.Errorf("with %d slow readers %v events are counted, want %d", readers, got, setuids+23)
	}
}

// readByte opens a connection that takes little at a time, asks for the metrics and
// reads the first byte of the answer. The connection stays until the test ends.
func (a *agent) readByte(t *testing.T) {
	t.Helper()
	little := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		controlled := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1)
		})
		if err == nil {
			err = controlled
		}
		return err
	}}
	config := a.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	conn, err := tls.DialWithDialer(&little, "tcp", a.address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	req, err := http.NewRequest(http.MethodGet, "https://"+a.address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	if b, err := bufio.NewReaderSize(conn, 16).ReadByte(); err != nil || b != 'H' {
		t.Fatal(fmt.Errorf("first byte %q of the answer: %w", b, err))
	}
}
