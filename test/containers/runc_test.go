// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// container is one that runc runs.
type container struct {
	pod    *pod
	name   string // in the pod's specification, empty for the sandbox
	id     string
	bundle string
	// The first process, if it is a shell.
	commands *os.File
	answers  *bufio.Reader
}

// hierarchies are where cgroups are mounted: one of version 2, or several.
func hierarchies(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var roots []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mount, kind, _ := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(mount); strings.HasPrefix(kind, "cgroup") && len(fields) > 4 {
			roots = append(roots, fields[4])
		}
	}
	if len(roots) == 0 {
		t.Fatal("no cgroup hierarchy is mounted")
	}
	return roots
}

// install copies programs, with the libraries that they need, to the same paths
// below a directory.
func install(t *testing.T, root string, programs ...string) {
	t.Helper()
	for _, program := range programs {
		cmd := exec.Command(program)
		cmd.Env = []string{"LD_TRACE_LOADED_OBJECTS=1"} // ld.so(8): what ldd does
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("libraries of %s: %v", program, err)
		}
		for _, file := range append(regexp.MustCompile(`/\S+`).FindAllString(string(out), -1), program) {
			copyFile(t, file, filepath.Join(root, file))
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// newRoot makes the root file system of containers that only have triggers, and a
// shell to be told which.
func newRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	copyFile(t, *triggerFlag, filepath.Join(root, "trigger"))
	copyFile(t, *firstFlag, filepath.Join(root, "first"))
	install(t, root, "/usr/bin/sh")
	return root
}

// container prepares one, whose first process runs args. The network is the host's,
// or that of a namespace.
func (p *pod) container(name, root, network string, args ...string) *container {
	p.t.Helper()
	c := &container{pod: p, name: name, id: newID(), bundle: p.t.TempDir()}
	namespaces := []m{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}}
	if network != "" {
		namespaces = append(namespaces, m{"type": "network", "path": network})
	}
	capabilities := []string{"CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE"}
	config, err := json.Marshal(m{
		"ociVersion": "1.0.2",
		"process": m{
			"user": m{"uid": 0, "gid": 0}, "args": args, "cwd": "/", "env": []string{"PATH=/usr/bin:/bin"},
			"capabilities": m{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		},
		"root": m{"path": root},
		"mounts": []m{
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
		},
		"linux": m{"cgroupsPath": p.containerCgroup(c.id), "namespaces": namespaces},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(c.bundle, "config.json"), config, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.containers = append(p.containers, c)
	return c
}

// runc runs a command of runc. The output goes to a file: a container that is left
// running keeps it open.
func (c *container) runc(args ...string) { c.pod.t.Helper(); c.runcWith(nil, nil, args...) }

// runcWith gives what runc runs files for input and output, if there are any.
func (c *container) runcWith(input, output *os.File, args ...string) {
	t := c.pod.t
	t.Helper()
	log, err := os.Create(filepath.Join(c.bundle, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("runc", append([]string{"--root", "/run/tetrameter-test"}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if input != nil {
		cmd.Stdin, cmd.Stdout = input, output
	}
	if err := cmd.Run(); err != nil {
		_, _ = log.Seek(0, io.SeekStart) // the log is for the message only
		out, _ := io.ReadAll(log)
		t.Fatalf("runc %q: %v\n%s", args, err, out)
	}
}

// options of running the container.
func (c *container) options(more ...string) []string {
	args := append([]string{"run", "--bundle", c.bundle}, more...)
	var fs unix.Statfs_t
	if err := unix.Statfs("/", &fs); err == nil && (fs.Type == unix.RAMFS_MAGIC || fs.Type == unix.TMPFS_MAGIC) {
		args = append(args, "--no-pivot") // the kernel does not let the initramfs be moved
	}
	return append(args, c.id)
}

// run runs the container until its first process ends.
func (c *container) run() {
	c.pod.t.Helper()
	c.runc(c.options()...)
}

// start runs the container until the test ends.
func (c *container) start() {
	t := c.pod.t
	t.Helper()
	input, commands, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.commands, c.answers = commands, bufio.NewReader(answers)
	c.runcWith(input, output, c.options("--detach")...)
	t.Cleanup(func() {
		_ = exec.Command("runc", "--root", "/run/tetrameter-test", "delete", "--force", c.id).Run() // may be stopped
		commands.Close()
		answers.Close()
	})
	input.Close() // the container has both
	output.Close()
}

// do has the container's first process, a shell, run a program.
func (c *container) do(args ...string) {
	t := c.pod.t
	t.Helper()
	if _, err := fmt.Fprintf(c.commands, "%s; echo $?\n", strings.Join(args, " ")); err != nil {
		t.Fatal(err)
	}
	if answer, err := c.answers.ReadString('\n'); err != nil || answer != "0\n" {
		t.Fatalf("%q in a container: %q, %v", args, answer, err)
	}
}

// exec runs a program in the container, as kubectl exec does. The runtime takes a
// hundred times as long as do.
func (c *container) exec(args ...string) {
	c.pod.t.Helper()
	c.runc(append([]string{"exec", c.id}, args...)...)
}

// shell is the command of a container that is told what to do.
func shell() []string { return []string{"/usr/bin/sh"} }

// events are the arguments of n events that policies of the tests count.
func events(n string) []string {
	return []string{"/trigger", "repeat", n, "setuid", "4242"}
}
