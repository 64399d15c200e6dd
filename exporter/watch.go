// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleTime is how long files must have been quiet before they are read:
// editors and mounted ConfigMaps change several at once.
const settleTime = 200 * time.Millisecond

// watch sends when something in dirs changed and came to rest. The caller ends
// it with the function returned.
func watch(dirs []string, log *slog.Logger) (<-chan struct{}, func() error, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, fmt.Errorf("watch policies: %w", err)
	}
	for _, dir := range dirs {
		if err := w.Add(dir); err != nil {
			log.Error("watch policies; send SIGHUP to reload", "dir", dir, "err", err)
		}
	}
	changes := make(chan struct{}, 1)
	go debounce(w, changes, log)
	return changes, w.Close, nil
}

func debounce(w *fsnotify.Watcher, changes chan<- struct{}, log *slog.Logger) {
	quiet := time.NewTimer(0)
	<-quiet.C
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
		case <-quiet.C:
			select {
			case changes <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}
