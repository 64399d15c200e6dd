// SPDX-License-Identifier: Apache-2.0

package conventions_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tetrameter/tetrameter"

// rule forbids packages to some of the module's packages.
type rule struct {
	importers []string // and what is below them, from the module's root
	except    []string // likewise
	forbidden []string // and what is below them
	// direct leaves out what imported packages import in turn.
	direct bool
	reason string
}

// purity are the rules that let a package be used, and tested, without what
// others need.
func purity() []rule {
	return []rule{
		{
			importers: []string{"exporter/policy"},
			forbidden: []string{"github.com/cilium/ebpf"},
			reason:    "what a policy says does not depend on how it is carried out",
		},
		{
			importers: []string{"exporter/match", "exporter/plan"},
			forbidden: []string{"github.com/cilium/ebpf/link", "github.com/cilium/ebpf/rlimit"},
			reason:    "compiling and planning policies needs no privileges: `check` runs anywhere",
		},
		{
			importers: []string{"exporter/policy", "exporter/match", "exporter/plan"},
			forbidden: []string{"golang.org/x/sys/unix", "syscall", "os"},
			direct:    true,
			reason:    "the same policies give the same plan on every machine; facts about this one are arguments",
		},
		{
			importers: []string{"exporter/policy", "exporter/match", "exporter/plan", "exporter/kernel"},
			forbidden: []string{"github.com/prometheus"},
			reason:    "exporter/collector turns results into metrics; what it reads from knows none",
		},
		{
			importers: []string{"exporter/workload"}, except: []string{"exporter/workload/kube"},
			forbidden: []string{
				module + "/bpf", module + "/exporter/match", module + "/exporter/plan", module + "/exporter/kernel",
				"github.com/cilium/ebpf", "github.com/prometheus", "k8s.io",
			},
			reason: "which pod a cgroup is of follows from values, so every order of events is tried without a kernel or " +
				"an API server; it knows policy only, for scopes",
		},
		{
			importers: []string{"exporter"},
			forbidden: []string{"os/exec"},
			direct:    true,
			reason:    "the agent runs no programs: it needs none, and its own policies would count them",
		},
		{
			importers: []string{"dashboards"}, except: []string{"dashboards/rules"},
			forbidden: []string{module, "github.com/prometheus"},
			reason:    "dashboards know metrics as Prometheus does, by name; test/prometheus/queries checks that the names exist",
		},
		{
			importers: []string{"bpf", "policies"},
			forbidden: []string{module},
			reason:    "data that every stage may import imports no stage",
		},
	}
}

// ownership are the rules that give a dependency to one package. Only direct
// imports count: everybody may use the owner.
func ownership() []rule {
	owner := func(owner, dependency, reason string) rule {
		return rule{
			importers: []string{""}, except: []string{owner, "test"},
			forbidden: []string{dependency}, direct: true, reason: reason,
		}
	}
	return []rule{
		owner("exporter/kernel", "github.com/cilium/ebpf/link",
			"attaching needs privileges, which only exporter/kernel has"),
		owner("exporter/workload/kube", "k8s.io",
			"the agent counts without an API server, so only exporter/workload/kube knows that there are any"),
		owner("exporter/api", "google.golang.org/grpc",
			"only exporter/api serves calls; the rest is usable without them"),
		owner("dashboards", "github.com/grafana",
			"what a dashboard shows is data; only dashboards knows how Grafana writes it"),
		owner("exporter/match/reference", module+"/exporter/match/reference",
			"tests compare with the reference, so nothing may depend on it"),
		owner("test", module+"/test",
			"what the tests need is not part of the product"),
	}
}

// stages is the way of an event through the agent. A stage imports only those
// before it.
func stages() []string {
	return []string{
		"exporter/policy", "exporter/match", "exporter/plan", "exporter/kernel", "exporter/workload",
		"exporter/workload/kube", "exporter/collector", "exporter/event", "exporter/api", "exporter",
	}
}

// order is stages as rules.
func order() []rule {
	var list []rule
	for i, stage := range stages() {
		later := rule{importers: []string{stage}, reason: "data flows one way: " + strings.Join(stages(), ", ")}
		for _, other := range stages()[i+1:] {
			later.forbidden = append(later.forbidden, module+"/"+other)
		}
		list = append(list, later)
	}
	return list
}

// listed is what these tests use of the output of go list.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	command.Dir = root
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		list = append(list, p)
	}
}

// under tells whether the path is one of the folders or below one.
func under(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return folder == "" || name == folder || strings.HasPrefix(name, folder+"/")
	})
}

// TestImports: imports point one way. Test files are free: they put the stages
// together in every order.
func TestImports(t *testing.T) {
	list := packages(t)
	for _, r := range append(purity(), ownership()...) {
		for _, p := range list {
			name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
			if !under(name, r.importers) || under(name, r.except) {
				continue
			}
			check(t, p, r, func(imported string) bool { return under(imported, r.forbidden) })
		}
	}
	for _, r := range order() {
		for _, p := range list {
			if p.ImportPath != module+"/"+r.importers[0] {
				continue
			}
			check(t, p, r, func(imported string) bool { return slices.Contains(r.forbidden, imported) })
		}
	}
}

// check reports what p itself imports against the rule, or else one package that
// it gets through others.
func check(t *testing.T, p listed, r rule, forbidden func(string) bool) {
	t.Helper()
	if direct := slices.DeleteFunc(slices.Clone(p.Imports), func(s string) bool { return !forbidden(s) }); len(direct) > 0 {
		t.Errorf("%s imports %s: %s", p.ImportPath, strings.Join(direct, ", "), r.reason)
		return
	}
	if i := slices.IndexFunc(p.Deps, forbidden); i >= 0 && !r.direct {
		t.Errorf("%s imports %s through another package: %s", p.ImportPath, p.Deps[i], r.reason)
	}
}
