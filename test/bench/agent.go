// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTimeout is generous: in the guest a second is a thousand million
// instructions.
const startTimeout = 2 * time.Minute

// agent is a running tetrameter.
type agent struct {
	cmd *exec.Cmd
	log *logBuffer
	url string
}

// logBuffer keeps what the agent prints while it still prints.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startAgent runs the agent and waits until it serves. The caller must stop it.
func startAgent(ctx context.Context, program string, args ...string) (*agent, error) {
	a := &agent{log: &logBuffer{}}
	a.cmd = exec.CommandContext(ctx, program, append([]string{
		"run", "--web.listen-address", "127.0.0.1:0",
	}, args...)...)
	a.cmd.Stderr = a.log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	serving := regexp.MustCompile(`msg="serving metrics" url=(\S+)`)
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if m := serving.FindStringSubmatch(a.log.String()); m != nil {
			a.url = m[1]
			return a, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	a.stop()
	return nil, fmt.Errorf("the agent does not serve; it says:\n%s", a.log)
}

// stop ends the agent and waits for its end.
func (a *agent) stop() {
	a.cmd.Process.Signal(syscall.SIGTERM)
	a.cmd.Wait()
}

// scrape returns the metrics as text, not compressed.
func (a *agent) scrape(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// residentBytes is the agent's VmRSS.
func (a *agent) residentBytes() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`).FindSubmatch(status)
	if m == nil {
		return 0, fmt.Errorf("process %d has no VmRSS", a.cmd.Process.Pid)
	}
	kib, err := strconv.ParseFloat(string(m[1]), 64)
	return kib * 1024, err
}

// family adds up the samples of a metric family whose lines contain all parts,
// and returns how many they are.
func family(metrics, name string, parts ...string) (sum float64, samples int, err error) {
next:
	for line := range strings.Lines(metrics) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, p := range parts {
			if !strings.Contains(line, p) {
				continue next
			}
		}
		line = strings.TrimSuffix(line, "\n")
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, 0, err
		}
		sum += v
		samples++
	}
	return sum, samples, nil
}
