// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
)

// heartbeatMap keeps when an agent was last alive.
const heartbeatMap = "heartbeat"

// heartbeatSpec describes the map. key: 0. value: CLOCK_MONOTONIC nanoseconds,
// written and read by agents only.
func heartbeatSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: heartbeatMap, Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
}

// Heartbeat records that the agent is alive. From the last one the next agent
// knows how long the hooks that cannot be pinned were not attached.
func (k *Kernel) Heartbeat() error {
	defer k.calm.begin()()
	if err := k.maps.byName[heartbeatMap].Put(uint32(0), monotonic()); err != nil {
		return fmt.Errorf("record heartbeat: %w", err)
	}
	return nil
}

// downtime is the time since the last heartbeat, 0 if there was none.
func downtime(maps *sharedMaps) (time.Duration, error) {
	var last uint64
	if err := maps.byName[heartbeatMap].Lookup(uint32(0), &last); err != nil {
		return 0, fmt.Errorf("read heartbeat: %w", err)
	}
	if last == 0 {
		return 0, nil
	}
	return time.Duration(monotonic() - last), nil
}
