// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// stopDelay is how long a process may take to end after it was asked to.
const stopDelay = 20 * time.Second

// process is a program that runs until it is stopped or this one ends.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // file with its output
	done chan struct{} // closed when it has ended
}

// start runs a program with its output appended to NAME.log in dir.
func start(dir, program string, args ...string) (*process, error) {
	return launch(dir, filepath.Base(program), 0, program, args...)
}

// Program is one that the machine runs beside the cluster.
type Program struct {
	// Log is the file that has what it prints.
	Log     string
	process *process
}

// Run starts a program in a mount namespace of its own: what it mounts ends with it.
// Its log is NAME.log in dir. Whoever starts it stops it; if the test is killed the
// kernel ends it.
func Run(dir, program string, args ...string) (*Program, error) {
	const private = `mount --make-rprivate / && exec "$0" "$@"`
	p, err := launch(dir, filepath.Base(program), syscall.CLONE_NEWNS, "sh", append([]string{"-c", private, program}, args...)...)
	if err != nil {
		return nil, err
	}
	return &Program{p.log, p}, nil
}

// Stop asks the program to end and, if it does not, ends it.
func (p *Program) Stop() error { return p.process.stop() }

// launch is start under a name, in new namespaces: CLONE_NEW of clone(2).
func launch(dir, name string, namespaces uintptr, program string, args ...string) (*process, error) {
	p := &process{name: name, done: make(chan struct{})}
	p.log = filepath.Join(dir, p.name+".log")
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", p.name, err)
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	// A group of its own keeps an interrupt at the terminal from ending it before
	// the test has; a test that dies takes it along.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: namespaces}
	started := make(chan error)
	go func() {
		// The kernel sends the signal when the thread that started the program ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in its log
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// stop asks the process to end and, if it does not, ends it.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
		return nil
	case <-time.After(stopDelay):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("stop %s: killed after %v", p.name, stopDelay)
}

// failure is err with the end of what the process wrote.
func (p *process) failure(err error) error {
	const last = 4 << 10
	output, readErr := os.ReadFile(p.log)
	if readErr != nil {
		return fmt.Errorf("%w (and its log: %w)", err, readErr)
	}
	output = bytes.TrimSpace(output[max(0, len(output)-last):])
	return fmt.Errorf("%w; the end of its log:\n%s", err, output)
}
