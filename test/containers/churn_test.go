// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fleet is pods without runc: their cgroups are made as a kubelet and a runtime
// make them, and the trigger joins them. So there can be many.
type fleet struct {
	t    *testing.T
	a    *agent
	root string // of the hierarchy that the agent looks at
	pods []*pod
}

// workers is how many requests are made at a time.
const workers = 8

// each calls a function for each of n, several at once.
func each(n int, call func(i int)) {
	var running sync.WaitGroup
	indices := make(chan int)
	for range min(workers, n) {
		running.Go(func() {
			for i := range indices {
				call(i)
			}
		})
	}
	for i := range n {
		indices <- i
	}
	close(indices)
	running.Wait()
}

// newFleet creates pods, tells the agent their containers, and makes the cgroups.
func newFleet(t *testing.T, a *agent, n int, spec func(i int) podSpec) *fleet {
	t.Helper()
	f := &fleet{t: t, a: a, root: hierarchies(t)[0], pods: make([]*pod, n)}
	for _, root := range hierarchies(t) {
		if filepath.Base(root) == "memory" {
			f.root = root // in a hybrid system that of version 1 counts
		}
	}
	each(n, func(i int) {
		p := createPod(t, a.node, spec(i))
		p.containers = []*container{{pod: p, name: "main", id: newID()}}
		p.report()
		f.pods[i] = p
	})
	a.pods, a.containers = n, 0
	a.waitKnown()
	for _, p := range f.pods {
		if err := os.MkdirAll(f.dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// dir is the cgroup of a pod's container.
func (f *fleet) dir(p *pod) string {
	return filepath.Join(f.root, p.containerCgroup(p.containers[0].id))
}

// act causes n events in each pod.
func (f *fleet) act(n int) {
	f.t.Helper()
	for _, p := range f.pods {
		command(f.t, *triggerFlag, append([]string{"cgroup", f.dir(p)}, events(fmt.Sprint(n))[1:]...)...)
	}
}

// end deletes the pods and their cgroups.
func (f *fleet) end() {
	f.t.Helper()
	each(len(f.pods), func(i int) { remove(f.t, f.pods[i].path()) })
	for _, p := range f.pods {
		removeTree(f.t, filepath.Join(f.root, p.cgroup))
	}
}

// ledger adds up a counter over the lives of its series, as who scrapes does: a
// series that ends has had its last value.
type ledger struct {
	t     *testing.T
	open  map[string]float64 // by series, as of the last scrape
	ended float64
}

// scrape takes the next exposition down.
func (l *ledger) scrape(lines []string) {
	l.t.Helper()
	now := map[string]float64{}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "} ")
		now[name] = sum(l.t, []string{line})
	}
	for name, before := range l.open {
		value, ok := now[name]
		switch {
		case !ok:
			l.ended += before
		case value < before:
			l.t.Errorf("%s went down from %v to %v", name, before, value)
		}
	}
	l.open = now
}

func (l *ledger) total() float64 {
	total := l.ended
	for _, value := range l.open {
		total += value
	}
	return total
}

// levels are how full the maps are that grow with pods: those of counters, and what
// is known of cgroups, which is what the maps of these have.
func (a *agent) levels() string {
	a.t.Helper()
	var levels []string
	for _, family := range []string{
		"tetrameter_map_entries", "tetrameter_cgroups", "tetrameter_cgroups_released", "tetrameter_pods", "tetrameter_pods_unknown",
	} {
		for _, line := range a.family(family) {
			if family != "tetrameter_map_entries" || strings.Contains(line, `map="series"`) {
				levels = append(levels, line)
			}
		}
	}
	return strings.Join(levels, "\n")
}

// TestChurn: pods come and go, some under the names of those before, and make
// events, while the agent is scraped. Each event is exposed, and in the end nothing
// is left of the pods.
func TestChurn(t *testing.T) {
	a := startAgent(t)
	apply(t, "", "churn", counting("", "churn", "podSelector: {matchLabels: {churn: fast}},"))
	a.waitState("churn", "enabled")
	empty := a.levels()
	a.ledger = &ledger{t: t, open: map[string]float64{}}
	var resident []string
	warm := 0.0
	for cycle := range *cyclesFlag {
		f := newFleet(t, a, *podsFlag, func(i int) podSpec {
			s := podSpec{namespace: "churn", name: fmt.Sprintf("stateful-%d", i), labels: m{"churn": "fast"}}
			if i%2 == 0 {
				s.name = fmt.Sprintf("unique-%d-%d", cycle, i)
			}
			s.driver, s.class = []driver{cgroupfs, systemd}[i%2], []class{bestEffort, burstable, guaranteed}[i%3]
			return s
		})
		f.act(5)
		a.events()
		f.act(18)
		f.end()
		resident = append(resident, fmt.Sprintf("%.1f", a.residentBytes()/1e6))
		if cycle == *cyclesFlag/4 {
			warm = a.residentBytes()
		}
	}
	a.eventually(func() error {
		if now := a.levels(); now != empty {
			return fmt.Errorf("the maps have\n%s\nand had\n%s", now, empty)
		}
		return nil
	})
	want := float64(23 * *podsFlag * *cyclesFlag)
	if got := a.ledger.total(); got != want || len(a.ledger.open) != 0 {
		t.Errorf("%v events, and %d series that did not end; want %v and none", got, len(a.ledger.open), want)
	}
	if total := a.value("tetrameter_policy_hook_events_total", `policy="churn"`); total != want {
		t.Errorf("the policy counts %v events, want %v", total, want)
	}
	const slack = 15e6 // of the garbage collector
	if last := a.residentBytes(); last > warm+slack {
		t.Errorf("the agent has %.1f MB, after a quarter of the cycles %.1f MB", last/1e6, warm/1e6)
	}
	late := a.value("tetrameter_late_scopings_total")
	t.Logf("%d pods, %d times: %v events counted, %v late scopings; resident MB after each: %s; the maps before and after:\n%s",
		*podsFlag, *cyclesFlag, a.ledger.total(), late, strings.Join(resident, " "), empty)
}

// TestMemory says what pods and series cost.
func TestMemory(t *testing.T) {
	const policies = 10
	a := startAgent(t)
	for i := range policies {
		name := fmt.Sprintf("memory-%d", i)
		apply(t, "", name, counting("", name, "podSelector: {},"))
		a.waitState(name, "enabled")
	}
	rest := func() float64 {
		for range 5 {
			a.get("/metrics")
		}
		return a.residentBytes() / 1e6
	}
	pods := 2 * *podsFlag
	before := rest()
	f := newFleet(t, a, pods, func(i int) podSpec {
		return podSpec{namespace: "memory", name: fmt.Sprintf("pod-%d", i)}
	})
	t.Cleanup(f.end)
	idle := rest()
	f.act(1)
	series := len(a.events())
	if series != pods*policies {
		t.Errorf("%d series, want %d", series, pods*policies)
	}
	t.Logf("resident: %.1f MB without pods, %.1f MB with %d pods, %.1f MB with %d series of them",
		before, idle, pods, rest(), series)
}
