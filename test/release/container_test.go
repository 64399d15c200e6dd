// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deadline is how long anything may take that a test waits for. Emulated
// machines are slow.
const deadline = 60 * time.Second

const policy = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: image}
spec:
  kprobes:
  - call: __sys_setuid
    syscall: false
    args: [{index: 0, type: int}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: ["4242"]}]
`

// uprobe is a policy for the program of the image.
const uprobe = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: uprobe}
spec:
  uprobes:
  - path: /tetrameter
    symbols: [main.main]
`

// m is an object of JSON.
type m = map[string]any

// container is the image, run by runc as a runtime of Kubernetes does for the
// chart: without new privileges, without a root file system to write to.
type container struct {
	t            *testing.T
	bundle       string
	id           string
	capabilities []string
	bpffs        string
}

// newContainer prepares one with a BPF file system of its own, as a node has one.
func newContainer(t *testing.T, capabilities []string) *container {
	t.Helper()
	c := &container{t: t, bundle: t.TempDir(), id: fmt.Sprintf("tetrameter-image-%d", os.Getpid()), bpffs: t.TempDir()}
	c.capabilities = grantable(t, capabilities)
	if err := unix.Mount("bpf", c.bpffs, "bpf", 0, "mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.runc("delete", "--force", c.id).Run() // may have ended
		if err := unix.Unmount(c.bpffs, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("agent log:\n%s", c.log())
		}
	})
	if err := writeFile(filepath.Join(c.bundle, "policies", "image.yaml"), []byte(policy)); err != nil {
		t.Fatal(err)
	}
	rootfs, config := native(t)
	if err := os.Rename(rootfs, filepath.Join(c.bundle, "rootfs")); err != nil {
		t.Fatal(err)
	}
	c.configure(config.Config)
	return c
}

// grantable leaves out CAP_SYS_RESOURCE where the test itself lacks it, as in some
// sandboxes: nobody can give what he has not. Only kernels before 5.11 need it.
func grantable(t *testing.T, capabilities []string) []string {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var own [2]unix.CapUserData
	if err := unix.Capget(&header, &own[0]); err != nil {
		t.Fatal(err)
	}
	if own[0].Permitted>>unix.CAP_SYS_RESOURCE&1 != 0 {
		return capabilities
	}
	t.Log("without CAP_SYS_RESOURCE, which this test lacks")
	return slices.DeleteFunc(slices.Clone(capabilities), func(c string) bool { return c == "CAP_SYS_RESOURCE" })
}

// configure writes what runc reads (config.md of the OCI runtime specification).
// The process is the image's, and the mounts are those of docs/operations.md. The
// limit of locked memory is what the kernel begins with.
func (c *container) configure(p process) {
	c.t.Helper()
	if p.User != "0:0" {
		c.t.Fatalf("the image runs as %s", p.User)
	}
	args := append(slices.Clone(p.Entrypoint), p.Cmd...)
	args = append(args, "--cgroup-fs=/host/cgroup", "--web.listen-address=127.0.0.1:0", "--policy-dir=/policies", "--no-standard-policies")
	bind := func(from, to string, options ...string) m {
		return m{"type": "bind", "source": from, "destination": to, "options": append(options, "rbind")}
	}
	config, err := json.Marshal(m{
		"ociVersion": "1.0.2",
		"process": m{
			"user": m{"uid": 0, "gid": 0}, "args": args, "cwd": p.WorkingDir, "noNewPrivileges": true,
			"capabilities": m{"bounding": c.capabilities, "effective": c.capabilities, "permitted": c.capabilities},
			"rlimits":      []m{{"type": "RLIMIT_MEMLOCK", "soft": 65536, "hard": 65536}},
		},
		"root": m{"path": "rootfs", "readonly": true},
		"mounts": []m{
			{"type": "proc", "source": "proc", "destination": "/proc"},
			{"type": "tmpfs", "source": "tmpfs", "destination": "/dev"},
			{"type": "sysfs", "source": "sysfs", "destination": "/sys", "options": []string{"ro"}},
			bind(c.bpffs, "/sys/fs/bpf"),
			bind("/sys/kernel/tracing", "/sys/kernel/tracing", "ro"),
			bind("/sys/fs/cgroup", "/host/cgroup", "ro"),
			bind(filepath.Join(c.bundle, "policies"), "/policies", "ro"),
		},
		"linux": m{
			"cgroupsPath": "/" + c.id,
			"namespaces":  []m{{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}},
		},
	})
	if err == nil {
		err = writeFile(filepath.Join(c.bundle, "config.json"), config)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *container) runc(args ...string) *exec.Cmd {
	return exec.Command("runc", append([]string{"--root", "/run/tetrameter-image"}, args...)...)
}

// run runs the container in the background, with a log of its own.
func (c *container) run() {
	c.t.Helper()
	log, err := os.Create(filepath.Join(c.bundle, "log"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	args := []string{"run", "--detach", "--bundle", c.bundle}
	var fs unix.Statfs_t
	if err := unix.Statfs("/", &fs); err == nil && (fs.Type == unix.RAMFS_MAGIC || fs.Type == unix.TMPFS_MAGIC) {
		args = append(args, "--no-pivot") // the kernel does not let the initramfs be moved
	}
	cmd := c.runc(append(args, c.id)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("runc run: %v\n%s", err, c.log())
	}
}

func (c *container) log() string {
	text, err := os.ReadFile(filepath.Join(c.bundle, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// start runs the container until it serves, and returns its metrics' address.
func (c *container) start() (url string) {
	c.t.Helper()
	c.run()
	serving := regexp.MustCompile(`msg="serving metrics" url=(\S+)`)
	c.eventually("the agent serves", func() bool {
		found := serving.FindStringSubmatch(c.log())
		if found != nil {
			url = found[1]
		}
		return found != nil
	})
	return url
}

// kill ends the container as a crash does.
func (c *container) kill() {
	c.t.Helper()
	if out, err := c.runc("kill", c.id, "KILL").CombinedOutput(); err != nil {
		c.t.Fatalf("runc kill: %v\n%s", err, out)
	}
	c.eventually("the container can be deleted", func() bool { return c.runc("delete", c.id).Run() == nil })
}

func (c *container) eventually(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(deadline); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// events are the samples of the counter of policies.
func events(t *testing.T, url string) []string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^tetragon_policy_events_total{.*$`).FindAllString(string(body), -1)
}

// cause makes events that the policy counts.
func cause(t *testing.T, n string) {
	t.Helper()
	command(t, *triggerFlag, "repeat", n, "setuid", "4242")
}

// expectCount checks the one line that there is.
func expectCount(t *testing.T, url string, n int) {
	t.Helper()
	path, err := filepath.Abs(*triggerFlag)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("tetragon_policy_events_total{binary=%q,hook=\"kprobe:__sys_setuid\",namespace=\"\",pod=\"\",policy=\"image\",workload=\"\"} %d", path, n)
	if got := events(t, url); !slices.Equal(got, []string{line}) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), line)
	}
}

// TestContainer counts in a container, while there is none, and in the next one.
func TestContainer(t *testing.T) {
	c := newContainer(t, unitCapabilities(t))
	url := c.start()
	cause(t, "23")
	expectCount(t, url, 23)
	c.kill()
	cause(t, "23")
	url = c.start()
	expectCount(t, url, 46)
	cause(t, "23")
	expectCount(t, url, 69)
	expectQuiet(t, c, "")
}

// expectQuiet checks that the agent complains of nothing, but perhaps of one thing.
func expectQuiet(t *testing.T, c *container, perhaps string) {
	t.Helper()
	for line := range strings.Lines(c.log()) {
		hidden := processOneIsHidden() && strings.Contains(line, "host_ns")
		expected := perhaps != "" && strings.Contains(line, perhaps)
		if !hidden && !expected && !strings.Contains(line, "level=INFO") {
			t.Errorf("the agent complains: %s", line)
		}
	}
}

// processOneIsHidden says whether the test itself may not look at process 1, as in
// some sandboxes.
func processOneIsHidden() bool {
	target, err := os.Readlink("/proc/1/ns/mnt")
	return err != nil || target == ""
}

// TestMissingCapabilities starts the agent without one capability at a time, and
// with a policy that needs more.
func TestMissingCapabilities(t *testing.T) {
	for name, want := range map[string]string{
		"CAP_BPF":        "tetrameter: not allowed to count: CAP_BPF (for maps and loading programs) is missing",
		"CAP_PERFMON":    "tetrameter: not allowed to count: CAP_PERFMON (for programs that read memory of the kernel, and attaching them) is missing",
		"CAP_SYS_PTRACE": "looking at those of process 1 needs CAP_SYS_PTRACE",
		"CAP_SYS_ADMIN":  "attach uprobe to /tetrameter: not permitted without CAP_SYS_ADMIN",
	} {
		t.Run(name, func(t *testing.T) {
			others := slices.DeleteFunc(unitCapabilities(t), func(c string) bool { return c == name })
			c := newContainer(t, others)
			if err := writeFile(filepath.Join(c.bundle, "policies", "uprobe.yaml"), []byte(uprobe)); err != nil {
				t.Fatal(err)
			}
			c.run()
			c.eventually(want, func() bool { return strings.Contains(c.log(), want) })
		})
	}
}

// TestMissingSpareCapabilities starts the agent without one of the capabilities
// that only some kernels need: others count without them, and these say so.
func TestMissingSpareCapabilities(t *testing.T) {
	for name, want := range map[string]string{
		"CAP_SYS_NICE":     "no real-time priority, which CAP_SYS_NICE allows",
		"CAP_SYS_RESOURCE": "tetrameter: raise the memlock limit, which kernels before 5.11 need and CAP_SYS_RESOURCE allows",
	} {
		t.Run(name, func(t *testing.T) {
			c := newContainer(t, slices.DeleteFunc(unitCapabilities(t), func(c string) bool { return c == name }))
			if name == "CAP_SYS_RESOURCE" && !atLeast(t, 5, 11) {
				c.run()
				c.eventually(want, func() bool { return strings.Contains(c.log(), want) })
				return
			}
			url := c.start()
			cause(t, "23")
			expectCount(t, url, 23)
			expectQuiet(t, c, want)
		})
	}
}

// atLeast says whether the kernel is of this version, or newer.
func atLeast(t *testing.T, major, minor int) bool {
	t.Helper()
	var (
		u    unix.Utsname
		ours [2]int
	)
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &ours[0], &ours[1]); err != nil {
		t.Fatal(err)
	}
	return slices.Compare(ours[:], []int{major, minor}) >= 0
}
