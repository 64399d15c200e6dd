// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// calls are the calls that wait for their return (bpf/memory.h). Programs delete
// a call when it returns; of one that never does, as exit(2), the entry would
// stay and take the room of others.
type calls struct {
	table *ebpf.Map
	// forget deletes a call of a task that is gone; nil until a rule waits.
	forget *ebpf.Program
	// waiting is how many there were after the last sweep.
	waiting int
}

func (c *calls) close() error {
	if c == nil || c.forget == nil {
		return nil
	}
	return c.forget.Close()
}

// openCalls loads what sweeping needs, if there is something to sweep.
func (k *Kernel) openCalls() (err error) {
	if k.calls.forget != nil || len(k.waitingRules()) == 0 {
		return nil
	}
	t := template{load: bpf.LoadRawTP}
	if k.calls.forget, err = k.loadProgram(t, bpf.RawTPProgForgetCall, plan.Point{}, nil, nil); err != nil {
		return fmt.Errorf("load sweep program: %w", err)
	}
	return nil
}

// waitingRules are the keys of the rules that attached matchers remember calls
// for.
func (k *Kernel) waitingRules() map[uint64]bool {
	rules := map[uint64]bool{}
	for _, a := range k.attached {
		for _, p := range a.points {
			for _, rule := range p.waiting {
				rules[rule] = true
			}
		}
	}
	return rules
}

// SweepCalls deletes the calls that will not return: those of tasks that are
// gone, and those of rules that are. Which tasks are gone a program finds out:
// the numbers of tasks mean nothing to an agent in a pid namespace.
func (k *Kernel) SweepCalls() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls.forget == nil {
		return nil
	}
	defer k.calm.begin()()
	rules := k.waitingRules()
	keys, err := k.calls.keys()
	if err != nil {
		return err
	}
	k.calls.waiting = len(keys)
	for _, key := range keys {
		gone := !rules[key.Rule]
		if gone {
			err = k.calls.table.Delete(key)
		} else {
			gone, err = k.calls.forgets(key)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("sweep calls: %w", err)
		}
		if gone {
			k.calls.waiting--
		}
	}
	return nil
}

// forgets deletes a call if its task is gone, and says whether it was.
func (c *calls) forgets(key bpf.CallKey) (bool, error) {
	gone, err := c.forget.Run(&ebpf.RunOptions{Context: [3]uint64{key.Rule, key.Task, key.Frame}})
	return gone != 0, err
}

// keys reads the whole map.
func (c *calls) keys() ([]bpf.CallKey, error) {
	all := make([]bpf.CallKey, c.table.MaxEntries())
	values := make([]bpf.CallValue, c.table.MaxEntries())
	var cursor ebpf.MapBatchCursor
	n, err := c.table.BatchLookup(&cursor, all, values, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	return all[:n], nil
}
