// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// ErrRunning is returned by Open if another agent holds the same pins.
var ErrRunning = errors.New("another tetrameter uses these pins")

// layout names the schema of maps and pins. A new agent adopts pins of its own
// layout only; change it with the key or value of any map of bpf/, or the names below.
const layout = "v3"

// pins is the directory tree of pinned objects:
//
//	ROOT/v3/maps/NAME                    shared maps
//	ROOT/v3/watchers/EVENT/link          what keeps the cgroups map current
//	ROOT/v3/hooks/KEY/KIND,TARGET/link   one per attach point, see pointName
//	                             /program  what is attached: jumps to
//	                             /matcher  a program array with the matcher
//	ROOT/v3/lineage/AGENT/EVENT/link     programs on fork, exec and exit
//
// Without pinning it has no root and does nothing.
type pins struct {
	root string // empty without pinning
	lock *os.File
}

func openPins(opts Options) (*pins, error) {
	if opts.NoPin {
		return &pins{}, nil
	}
	p := &pins{root: filepath.Join(opts.BPFFS, "tetrameter")}
	for _, dir := range []string{p.maps(), p.hooks()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("create pin directory: %w", err)
		}
	}
	if err := trusted(p.root); err != nil {
		return nil, err
	}
	lock, err := os.Open(p.root)
	if err != nil {
		return nil, fmt.Errorf("lock pins: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock %s: %w", p.root, ErrRunning)
	}
	p.lock = lock
	return p, nil
}

// trusted returns an error if others than root could have put pins there: a BPF
// file system may be open to all users.
func trusted(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("check %s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != uint32(os.Geteuid()) || st.Mode&0o022 != 0 {
		return fmt.Errorf("%s is not a directory that only the agent's user can write to: remove it", dir)
	}
	return nil
}

func (p *pins) enabled() bool { return p.root != "" }
func (p *pins) maps() string  { return filepath.Join(p.root, layout, "maps") }
func (p *pins) hooks() string { return filepath.Join(p.root, layout, "hooks") }

// watcher is the directory of a program that watches cgroups.
func (p *pins) watcher(event string) string {
	return filepath.Join(p.root, layout, "watchers", event)
}

// lineage is the directory of the programs that keep how processes began.
func (p *pins) lineage() string { return filepath.Join(p.root, layout, "lineage") }

// point is the directory of one attach point.
func (p *pins) point(hookKey, name string) string {
	return filepath.Join(p.hooks(), pinName(hookKey), name)
}

// points returns the names of the points that are pinned for a hook.
func (p *pins) points(hookKey string) []string {
	if !p.enabled() {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(p.hooks(), pinName(hookKey)))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// pointName names a point among those of its hook.
func pointName(kind plan.Kind, at plan.Point) string {
	name := string(kind) + ":" + at.Target
	if at.User != (plan.UserPoint{}) {
		name += fmt.Sprintf("+%#x@%d:%d", at.User.Offset, at.User.File.Device, at.User.File.Inode)
	}
	if at.Part > 0 {
		name += fmt.Sprintf("#%d", at.Part)
	}
	name = pinName(name)
	if at.Exit {
		name += exitSuffix
	}
	return name
}

const exitSuffix = "+exit"

func isExit(name string) bool { return strings.HasSuffix(name, exitSuffix) }

// maxPinName is shorter than what a file system takes, for the suffixes.
const maxPinName = 200

// pinName makes a name for the BPF file system, which allows no dots; kernel
// symbols have them, and tracepoints and files slashes. A name that does not
// stay as it is ends with a hash, since others may become the same.
func pinName(name string) string {
	safe := strings.NewReplacer(".", ",", "/", ",", ":", ",").Replace(name)
	if safe == name && len(name) <= maxPinName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s-%x", safe[:min(len(safe), maxPinName)], sum[:8])
}

func (p *pins) close() error {
	if p.lock == nil {
		return nil
	}
	return p.lock.Close()
}

// removeHooks unpins the hooks that are not wanted, which detaches them.
func (p *pins) removeHooks(wanted map[string]bool) error {
	if !p.enabled() {
		return nil
	}
	keep := map[string]bool{}
	for key := range wanted {
		keep[pinName(key)] = true
	}
	return removeEntries(p.hooks(), keep)
}

// removeKinds unpins what is attached to a hook otherwise than in one way.
func (p *pins) removeKinds(hookKey string, kind plan.Kind, points []plan.Point) error {
	if !p.enabled() {
		return nil
	}
	keep := map[string]bool{}
	for _, at := range points {
		keep[pointName(kind, at)] = true
	}
	return removeEntries(filepath.Join(p.hooks(), pinName(hookKey)), keep)
}

// removeOtherLayouts ends the counting of agents with another layout.
func (p *pins) removeOtherLayouts() error {
	if !p.enabled() {
		return nil
	}
	return removeEntries(p.root, map[string]bool{layout: true})
}

func removeEntries(dir string, keep map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read pins: %w", err)
	}
	var errs []error
	var ids []link.ID
	for _, e := range entries {
		if !keep[e.Name()] {
			ids = append(ids, linksIn(filepath.Join(dir, e.Name()))...)
			errs = append(errs, removePins(filepath.Join(dir, e.Name())))
		}
	}
	awaitDetached(ids)
	return errors.Join(errs...)
}

// linksIn are the links pinned below a directory; what cannot be read is none.
func linksIn(dir string) []link.ID {
	var ids []link.ID
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "link" {
			return nil
		}
		if l, err := link.LoadPinnedLink(path, nil); err == nil {
			if info, err := l.Info(); err == nil {
				ids = append(ids, info.ID)
			}
			l.Close()
		}
		return nil
	})
	return ids
}

// detachTimeout is how long to wait for links to go. One that somebody else
// holds stays attached.
const detachTimeout = 2 * time.Second

// awaitDetached waits until links are gone: the kernel releases what was pinned
// some time after the file was removed, and programs run until then. Looking for
// links by their numbers takes CAP_SYS_ADMIN; without it there is no waiting.
func awaitDetached(ids []link.ID) {
	end := time.Now().Add(detachTimeout)
	for _, id := range ids {
		for time.Now().Before(end) {
			l, err := link.NewFromID(id)
			if err != nil {
				break
			}
			l.Close()
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// removePins removes a directory of pins, links before the programs they run
// and the matchers those jump to.
func removePins(dir string) error {
	var links, rest []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
		case d.Name() == "link":
			links = append(links, path)
		default:
			rest = append(rest, path)
		}
		return nil
	})
	errs := []error{err}
	for _, path := range append(links, rest...) {
		errs = append(errs, os.Remove(path))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove pins: %w", err)
	}
	return os.RemoveAll(dir)
}

// Cleanup detaches and removes everything that agents pinned under the BPF file
// system bpffs, of whatever layout. It returns ErrRunning if one still runs.
func Cleanup(bpffs string) error {
	root := filepath.Join(bpffs, "tetrameter")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	p, err := openPins(Options{BPFFS: bpffs})
	if err != nil {
		return err
	}
	defer p.close()
	return removePins(root)
}
