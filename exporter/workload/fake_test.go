// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// world is a machine: a directory for the cgroup file system, and a model of
// the maps and of the programs that fill them in.
type world struct {
	t       *testing.T
	root    string
	removed string // where directories go, so that no inode number comes twice
	now     time.Time

	cgroups map[uint64]workload.Cgroup
	pods    map[string]uint32
	scopes  map[uint32]workload.Bits
	notes   map[string]string
	series  map[uint64]int // counts by cgroup
	// blind switches the programs off: cgroups are made before they are loaded.
	blind bool
	// room is for how many entries there is in cgroups and in pods.
	room int
	// fail are errors by name of the method.
	fail map[string]error
	// before is called when a method is, by name.
	before map[string]func()
	calls  []string
}

var errFull = errors.New("the map is full")

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, root: t.TempDir(), removed: t.TempDir(), now: time.Unix(1_700_000_000, 0),
		cgroups: map[uint64]workload.Cgroup{}, pods: map[string]uint32{}, scopes: map[uint32]workload.Bits{},
		notes: map[string]string{}, series: map[uint64]int{}, room: 1 << 20,
		fail: map[string]error{}, before: map[string]func(){},
	}
}

// start returns the agent of this machine, a new one each time.
func (k *world) start(change ...func(*workload.Options)) *workload.Workloads {
	k.t.Helper()
	opts := workload.Options{CgroupRoot: k.root, RootID: k.id("/"), Now: func() time.Time { return k.now }}
	for _, f := range change {
		f(&opts)
	}
	w := workload.New(k, opts)
	if err := w.Start(); err != nil {
		k.t.Fatal(err)
	}
	return w
}

func refresh(t *testing.T, w *workload.Workloads) {
	t.Helper()
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
}

// id is the cgroup's at this path.
func (k *world) id(path string) uint64 {
	k.t.Helper()
	info, err := os.Stat(filepath.Join(k.root, path))
	if err != nil {
		k.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// mkdir makes a cgroup and those that it is in, and runs the program that notes
// it: the pod is the one in the cgroup's own name, or else the parent's.
func (k *world) mkdir(path string) uint64 {
	k.t.Helper()
	if _, err := os.Stat(filepath.Join(k.root, path)); err == nil {
		return k.id(path)
	}
	parent := k.mkdir(filepath.Dir(path))
	if err := os.Mkdir(filepath.Join(k.root, path), 0o755); err != nil {
		k.t.Fatal(err)
	}
	id := k.id(path)
	if k.blind || len(k.cgroups) >= k.room {
		return id
	}
	entry := workload.Cgroup{ID: id, Created: k.now, Pod: workload.PodUID(filepath.Base(path))}
	if entry.Pod == "" {
		entry.Pod, entry.Workload = k.cgroups[parent].Pod, k.cgroups[parent].Workload
	} else if entry.Workload = k.pods[entry.Pod]; entry.Workload == 0 {
		entry.Workload = 1
	}
	if entry.Pod != "" {
		k.cgroups[id] = entry
	}
	return id
}

// rmdir removes the cgroup and those in it.
func (k *world) rmdir(path string) {
	k.t.Helper()
	full := filepath.Join(k.root, path)
	err := filepath.WalkDir(full, func(below string, _ os.DirEntry, _ error) error {
		id := k.id(strings.TrimPrefix(below, k.root))
		if c, ok := k.cgroups[id]; ok {
			c.Released = true
			k.cgroups[id] = c
		}
		return nil
	})
	if err == nil {
		err = os.Rename(full, filepath.Join(k.removed, fmt.Sprint(k.id(path))))
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// selected says whether a program in the cgroup counts for the scope.
func (k *world) selected(path string, scope uint32) bool {
	k.t.Helper()
	return k.scopes[k.cgroups[k.id(path)].Workload][scope/64]&(1<<(scope%64)) != 0
}

// exposed are the counts as a reader of metrics sees them.
func (k *world) exposed(w *workload.Workloads) map[workload.Labels]int {
	sums := map[workload.Labels]int{}
	for id, n := range k.series {
		l := w.Labels(id)
		sums[workload.Labels{Namespace: l.Namespace, Pod: l.Pod, Workload: l.Workload}] += n
	}
	return sums
}

// enter is at the beginning of each method of the kernel's.
func (k *world) enter(method string, arguments ...any) error {
	k.calls = append(k.calls, strings.TrimSuffix(fmt.Sprintln(append([]any{method}, arguments...)...), "\n"))
	if f := k.before[method]; f != nil {
		delete(k.before, method) // once: it may make the call itself
		f()
	}
	return k.fail[method]
}

func (k *world) Cgroups() ([]workload.Cgroup, error) {
	return slices.Collect(maps.Values(k.cgroups)), k.enter("Cgroups")
}

func (k *world) SetCgroup(c workload.Cgroup) error {
	if err := k.enter("SetCgroup", c.ID, c.Workload); err != nil {
		return err
	}
	k.hasBitmap(c.Workload)
	before, ok := k.cgroups[c.ID]
	if !ok && len(k.cgroups) >= k.room {
		return errFull
	}
	c.Released = before.Released
	k.cgroups[c.ID] = c
	return nil
}

func (k *world) DeleteCgroup(id uint64) error {
	if err := k.enter("DeleteCgroup", id); err != nil {
		return err
	}
	if k.series[id] > 0 {
		k.t.Errorf("the entry of cgroup %d is deleted before its series: they would be the host's", id)
	}
	delete(k.cgroups, id)
	return nil
}

func (k *world) Pods() (map[string]uint32, error) {
	return maps.Clone(k.pods), k.enter("Pods")
}

func (k *world) SetPod(uid string, number uint32) error {
	if err := k.enter("SetPod", uid, number); err != nil {
		return err
	}
	k.hasBitmap(number)
	if _, ok := k.pods[uid]; !ok && len(k.pods) >= k.room {
		return errFull
	}
	for other, n := range k.pods {
		if n == number && other != uid {
			k.t.Errorf("pods %s and %s have the number %d", uid, other, n)
		}
	}
	k.pods[uid] = number
	return nil
}

func (k *world) DeletePod(uid string) error {
	if err := k.enter("DeletePod", uid); err != nil {
		return err
	}
	delete(k.pods, uid)
	return nil
}

func (k *world) Notes() (map[string]string, error) {
	return maps.Clone(k.notes), k.enter("Notes")
}

func (k *world) SetNote(uid, text string) error {
	if len(text) > workload.MaxNote {
		k.t.Errorf("a note of %d bytes", len(text))
	}
	if err := k.enter("SetNote", uid); err != nil {
		return err
	}
	k.notes[uid] = text
	return nil
}

func (k *world) DeleteNote(uid string) error {
	if err := k.enter("DeleteNote", uid); err != nil {
		return err
	}
	delete(k.notes, uid)
	return nil
}

func (k *world) Scopes(number uint32) (workload.Bits, error) {
	return k.scopes[number], k.enter("Scopes", number)
}

func (k *world) SetScopes(number uint32, bits workload.Bits) error {
	if err := k.enter("SetScopes", number); err != nil {
		return err
	}
	k.scopes[number] = bits
	return nil
}

func (k *world) Merge(into uint64, from []uint64) error {
	if err := k.enter("Merge", into, from); err != nil {
		return err
	}
	for _, id := range append([]uint64{into}, from...) {
		if c, ok := k.cgroups[id]; ok != c.Released || id == 0 {
			k.t.Errorf("cgroup %d is merged while programs count for it", id)
		}
	}
	for _, id := range from {
		k.series[into] += k.series[id]
		delete(k.series, id)
	}
	return nil
}

func (k *world) Forget(cgroups []uint64) error {
	if err := k.enter("Forget", cgroups); err != nil {
		return err
	}
	for _, id := range cgroups {
		delete(k.series, id)
	}
	return nil
}

// hasBitmap checks that a number is used after its bitmap was written.
func (k *world) hasBitmap(number uint32) {
	if _, ok := k.scopes[number]; !ok && number > 1 {
		k.t.Errorf("workload %d is used before its scopes are written", number)
	}
}

// Names of things.

func uid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func containerID(name string) string { return fmt.Sprintf("%064x", name) }

func podPath(n int) string {
	return "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid(n), "-", "_") + ".slice"
}

func containerPath(n int, name string) string {
	return podPath(n) + "/cri-containerd-" + containerID(name) + ".scope"
}

// web is a pod of a Deployment with these containers, each with its name for an
// ID; those with a '?' have none yet.
func web(n int, containers ...string) workload.Pod {
	p := workload.Pod{
		UID: uid(n), Namespace: "shop", Name: fmt.Sprint("web-", n), Workload: "web", Kind: "Deployment",
		Labels: map[string]string{"app": "web"},
	}
	for _, name := range containers {
		c := workload.Container{Name: strings.TrimSuffix(name, "?"), Image: "nginx:1.27"}
		if c.Name == name {
			c.ID = containerID(name)
		}
		p.Containers = append(p.Containers, c)
	}
	return p
}

// untold is what a container is called whose pod nobody was told of.
func untold(n int, name string) workload.Labels {
	return workload.Labels{
		Namespace: workload.Unknown, Pod: uid(n), Workload: workload.Unknown, Container: containerID(name),
	}
}

// selector has one condition: key = value.
func selector(key, value string) *policy.LabelSelector {
	return &policy.LabelSelector{Requirements: []policy.Requirement{{Key: key, Operator: "In", Values: []string{value}}}}
}

func podScope(key, value string) policy.Scoped {
	return policy.Scoped{Scope: policy.Scope{Pod: selector(key, value)}}
}

// setScopes numbers the scopes as they come.
func setScopes(t *testing.T, w *workload.Workloads, scopes ...policy.Scoped) {
	t.Helper()
	numbers := map[string]uint32{}
	for i, s := range scopes {
		numbers[s.Key()] = uint32(i)
	}
	if err := w.SetScopes(numbers, scopes); err != nil {
		t.Fatal(err)
	}
}
