// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// patience is how long a test waits for what has to happen.
const patience = time.Minute

// gate is a collector that collects 23 once it is let, as one whose kernel is slow.
type gate struct {
	*prometheus.Desc
	open chan struct{}
}

func newGate() gate {
	return gate{prometheus.NewDesc("events_total", "Events.", nil, nil), make(chan struct{})}
}

func (g gate) Describe(ch chan<- *prometheus.Desc) { ch <- g.Desc }

func (g gate) Collect(ch chan<- prometheus.Metric) {
	<-g.open
	ch <- prometheus.MustNewConstMetric(g.Desc, prometheus.CounterValue, 23)
}

// serveWithin serves as the agent does, with other limits, and returns the address.
// Each connection that the server ended is sent to the channel.
func serveWithin(t *testing.T, c prometheus.Collector, l limits) (string, <-chan struct{}) {
	t.Helper()
	f := flags("127.0.0.1:0")
	f.WebConfigFile = new(string)
	listeners, err := listen(f)
	if err != nil {
		t.Fatal(err)
	}
	s := newLimitedServer(c, "/metrics", l)
	closed := make(chan struct{}, 16)
	s.http.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	served := make(chan error, 1)
	go func() { served <- s.serve(listeners, f, "/metrics", slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		s.shutdown()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return listeners[0].Addr().String(), closed
}

// answer is the status of a page and its text, or what went wrong.
func answer(address, path string) string {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintln(resp.StatusCode) + string(body)
}

// A scrape that takes too long is told so, and harms nothing else.
func TestScrapeTimeout(t *testing.T) {
	l, slow := defaultLimits(), newGate()
	l.scrape = 50 * time.Millisecond
	address, _ := serveWithin(t, slow, l)
	if diff := cmp.Diff("503\nExceeded configured timeout of 50ms.\n", answer(address, "/metrics")); diff != "" {
		t.Errorf("a scrape of a slow kernel (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("200\ntetrameter is healthy.\n", answer(address, "/-/healthy")); diff != "" {
		t.Errorf("health meanwhile (-want +got):\n%s", diff)
	}
	close(slow.open)
	// The scrape that was given up may hold the kernel for a moment more.
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end) && !strings.HasPrefix(got, "200\n"); {
		got = answer(address, "/metrics")
	}
	if !strings.Contains(got, "\nevents_total 23\n") {
		t.Errorf("a scrape after it: %s", got)
	}
}

// Of eight scrapers at once those beyond the limit are sent away at once; the others wait
// for the same reading of the kernel.
func TestScrapesAtOnce(t *testing.T) {
	const scrapers = 8
	l, slow := defaultLimits(), newGate()
	l.scrape, l.write = patience, patience
	address, _ := serveWithin(t, slow, l)
	answers := make(chan string, scrapers)
	for range scrapers {
		go func() { answers <- answer(address, "/metrics") }()
	}
	for range scrapers - l.scrapes { // nobody else is answered yet
		want := fmt.Sprintf("503\nLimit of concurrent requests reached (%d), try again later.\n", l.scrapes)
		if diff := cmp.Diff(want, <-answers); diff != "" {
			t.Errorf("a scrape too many (-want +got):\n%s", diff)
		}
	}
	close(slow.open)
	for range l.scrapes {
		if got := <-answers; !strings.HasPrefix(got, "200\n") || !strings.Contains(got, "\nevents_total 23\n") {
			t.Errorf("a scrape within the limit: %s", got)
		}
	}
}

// A client that does not end its request is cut off, whether it is silent or goes on.
func TestSlowRequest(t *testing.T) {
	l, fast := defaultLimits(), newGate()
	close(fast.open)
	l.request = 200 * time.Millisecond
	address, _ := serveWithin(t, fast, l)
	for name, header := range map[string]string{"silent": "", "a letter at a time": "x"} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() {
				_, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ")
				for ; err == nil && header != ""; _, err = io.WriteString(conn, header) {
					time.Sleep(l.request / 10)
				}
			}()
			checkEnded(t, conn)
		})
	}
}

// checkEnded reads until the server ends the connection, which it does without an answer.
func checkEnded(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if len(got) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %q, %v: want the end of the connection", got, err)
	}
}

// verbose is a collector of more than the buffers of a connection hold.
type verbose struct{ *prometheus.Desc }

func (v verbose) Describe(ch chan<- *prometheus.Desc) { ch <- v.Desc }

func (v verbose) Collect(ch chan<- prometheus.Metric) {
	long := strings.Repeat("x", 4096)
	for i := range 4096 {
		ch <- prometheus.MustNewConstMetric(v.Desc, prometheus.GaugeValue, 1, fmt.Sprint(i, long))
	}
}

// A client that does not read its answer is cut off in the middle of it.
func TestSlowReader(t *testing.T) {
	l := defaultLimits()
	l.write = 500 * time.Millisecond
	address, closed := serveWithin(t, verbose{prometheus.NewDesc("long", "Long.", []string{"text"}, nil)}, l)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the server still waits for a client that does not read")
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a client that reads late: %v, want an answer that breaks off", err)
	}
}
