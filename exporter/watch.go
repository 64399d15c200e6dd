// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleTime is how long files must have been quiet before they are read:
// editors and mounted ConfigMaps change several at once.
const settleTime = 200 * time.Millisecond

// rewatchInterval is how soon a directory is watched that appears, or appears
// again, while the agent runs.
const rewatchInterval = 5 * time.Second

// watch sends when something in dirs changed and came to rest. The caller ends
// it with the function returned.
func watch(dirs []string, log *slog.Logger) (<-chan struct{}, func() error, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, fmt.Errorf("watch policies: %w", err)
	}
	for _, dir := range dirs {
		if err := w.Add(dir); err != nil {
			log.Error("watch policies: the directory is looked for again", "dir", dir, "err", err)
		}
	}
	changes := make(chan struct{}, 1)
	go debounce(w, dirs, changes, log)
	return changes, w.Close, nil
}

// rewatch adds the directories that are not watched, as those are that were
// removed, and says whether it added any.
func rewatch(w *fsnotify.Watcher, dirs []string) bool {
	watched := w.WatchList()
	added := false
	for _, dir := range dirs {
		if !slices.Contains(watched, dir) && w.Add(dir) == nil {
			added = true
		}
	}
	return added
}

func debounce(w *fsnotify.Watcher, dirs []string, changes chan<- struct{}, log *slog.Logger) {
	quiet := time.NewTimer(0)
	<-quiet.C
	missing := time.NewTicker(rewatchInterval)
	defer missing.Stop()
	for {
		select {
		case _, ok := <-w.Events:
			if !ok {
				return
			}
			quiet.Reset(settleTime)
		case err, ok := <-w.Errors:
			if !ok {
				return
			}
			log.Error("watch policies", "err", err)
			quiet.Reset(settleTime) // events may have been lost
		case <-missing.C:
			if rewatch(w, dirs) {
				quiet.Reset(settleTime)
			}
		case <-quiet.C:
			select {
			case changes <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}
