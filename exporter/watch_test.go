// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// deadline is for what should happen soon, on a slow machine.
const deadline = 2 * time.Minute

// watched is a watched directory.
func watched(t *testing.T, dir string) <-chan struct{} {
	t.Helper()
	changes, closeWatch, err := watch([]string{dir}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeWatch(); err != nil {
			t.Error(err)
		}
	})
	return changes
}

// wantSignal waits for one. That there is no second is TestDebounce's: here a
// slow machine might make one of what should be a single change.
func wantSignal(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(deadline):
		t.Fatal("no signal")
	}
}

func write(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(document("a", "1")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDebounce has the clock for itself: events that follow one another within
// settleTime are one change.
func TestDebounce(t *testing.T) {
	const step = settleTime / 2
	event := func(w *fsnotify.Watcher) { w.Events <- fsnotify.Event{Name: "a.yaml", Op: fsnotify.Write} }
	lost := func(w *fsnotify.Watcher) { w.Errors <- fsnotify.ErrEventOverflow }
	quiet := func(*fsnotify.Watcher) {}
	tests := []struct {
		name  string
		steps []func(*fsnotify.Watcher)
		want  []time.Duration // since the start
	}{
		{"none", []func(*fsnotify.Watcher){quiet, quiet, quiet}, nil},
		{"one", []func(*fsnotify.Watcher){event}, []time.Duration{2 * step}},
		{"several at once", []func(*fsnotify.Watcher){event, event, event}, []time.Duration{4 * step}},
		{"two changes", []func(*fsnotify.Watcher){event, quiet, quiet, quiet, event}, []time.Duration{2 * step, 6 * step}},
		{"lost events", []func(*fsnotify.Watcher){lost}, []time.Duration{2 * step}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
				changes := make(chan struct{}, 1)
				go debounce(w, nil, changes, slog.New(slog.NewTextHandler(t.Output(), nil)))
				start := time.Now()
				go func() {
					for _, do := range test.steps {
						do(w)
						time.Sleep(step) // of the bubble's clock: it takes no time
					}
					time.Sleep(4 * settleTime)
					close(w.Events)
				}()
				var got []time.Duration
				for end := time.After(10 * settleTime); ; {
					select {
					case <-changes:
						got = append(got, time.Since(start))
						continue
					case <-end:
					}
					break
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("signals differ (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestDebounceBusy: a signal that nobody has taken yet stands for later changes
// too, and does not stop the watching.
func TestDebounceBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
		changes := make(chan struct{}, 1)
		go debounce(w, nil, changes, slog.New(slog.DiscardHandler))
		for range 3 {
			w.Events <- fsnotify.Event{}
			time.Sleep(2 * settleTime)
		}
		close(w.Errors)
		synctest.Wait()
		if len(changes) != 1 {
			t.Errorf("%d signals wait, want 1", len(changes))
		}
	})
}

func TestWatch(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string){
		"written": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "a.yaml")) },
		"several written": func(t *testing.T, dir string) {
			for _, name := range []string{"a.yaml", "b.yaml", "c.yaml"} {
				write(t, filepath.Join(dir, name))
			}
		},
		"removed": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "old.yaml")); err != nil {
				t.Fatal(err)
			}
		},
		// As editors do.
		"replaced": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".old.yaml.tmp"))
			if err := os.Rename(filepath.Join(dir, ".old.yaml.tmp"), filepath.Join(dir, "old.yaml")); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "old.yaml"))
			changes := watched(t, dir)
			change(t, dir)
			wantSignal(t, changes)
		})
	}
}

// TestWatchConfigMap does what a kubelet does to a mounted ConfigMap: the files
// are links through ..data, which it replaces by a rename.
func TestWatchConfigMap(t *testing.T) {
	b := newBench(t, nil)
	point := func(version string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(b.dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		b.write(filepath.Join(version, "a.yaml"), document("a", version))
		if err := os.Symlink(version, filepath.Join(b.dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(b.dir, "..data_tmp"), filepath.Join(b.dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	point("..1")
	if err := os.Symlink("..data/a.yaml", filepath.Join(b.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	b.want(0, "a: ..1")
	changes := watched(t, b.dir)
	point("..2")
	b.remove("..1")
	wantSignal(t, changes)
	b.want(0, "a: ..2")
}

// TestWatchMissing: a directory that does not exist is an error in the log, and
// the others are watched.
func TestWatchMissing(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	missing := filepath.Join(dir, "missing")
	changes, closeWatch, err := watch([]string{missing, dir}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer closeWatch()
	if !strings.Contains(log.String(), missing) || !strings.Contains(log.String(), "looked for again") {
		t.Errorf("log names neither the directory nor what happens:\n%s", &log)
	}
	write(t, filepath.Join(dir, "a.yaml"))
	wantSignal(t, changes)
}
