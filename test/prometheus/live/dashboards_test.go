// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/tetrameter/tetrameter/test/prometheus/picture"
	"github.com/tetrameter/tetrameter/test/prometheus/queries"
)

// Instant implements picture.Source.
func (s *server) Instant(query string, at time.Time) (model.Vector, error) { return s.ask(query, at) }

// Range implements picture.Source.
func (s *server) Range(query string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	return s.over(query, from, to, step)
}

// readDashboards are those of the chart.
func readDashboards(t *testing.T) []*picture.Dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "chart/files/dashboards/*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	var list []*picture.Dashboard
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := picture.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// Every panel has data, or is among the quiet ones and has none: this kernel and this agent,
// which has no API server, give them no fault to show. What the dashboards
// count is what the agent does.
func TestDashboards(t *testing.T) {
	a := startAgent(t)
	s := startServer(t, a, serverOptions{})
	from := time.Now().Add(-time.Minute) // before the agent began: all is new
	events := map[string]int{}
	live(t, events, 10*time.Second)
	counted := a.wait(s)
	o := picture.Options{From: from, To: time.Now(), Step: 2 * time.Second, Scrape: time.Second, Variables: map[string]string{"job": job}}
	for _, d := range readDashboards(t) {
		var page bytes.Buffer
		answers, err := d.Write(&page, s, o)
		if err != nil {
			t.Fatal(err)
		}
		checkPanels(t, d, answers)
		for i := range d.Panels {
			if p := &d.Panels[i]; !bytes.Contains(page.Bytes(), []byte("<h2>"+p.Title+"</h2>")) {
				t.Errorf("%s: the page lacks panel %q", d.Title, p.Title)
			}
		}
		checkCounts(t, d, answers, counted)
	}
	for policy, n := range events {
		if got := counted["policy"][policy]; got != float64(n) {
			t.Errorf("%d events of %s were caused, counted are %v", n, policy, got)
		}
	}
}

// checkPanels compares the panels without any data with the quiet ones.
func checkPanels(t *testing.T, d *picture.Dashboard, answers []*picture.Answer) {
	t.Helper()
	full := map[string]bool{}
	for _, a := range answers {
		full[a.Panel.Title] = full[a.Panel.Title] || !a.Empty()
	}
	var empty []string
	for title, has := range full {
		if !has {
			empty = append(empty, title)
		}
	}
	want := slices.Sorted(maps.Keys(queries.Quiet()[d.UID]))
	slices.Sort(empty)
	if diff := cmp.Diff(want, empty); diff != "" {
		t.Errorf("%s: panels without data (-want +got):\n%s", d.Title, diff)
	}
}

// exact are the panels that count all events of the time range exactly, and the label
// by which the test adds up what they show.
func exact() map[string]string {
	return map[string]string{
		"Top binaries": "binary", "New series": "binary", "Series": "binary", "Top workloads": "workload",
	}
}

// checkCounts compares what tables show with the exposition of the agent.
func checkCounts(t *testing.T, d *picture.Dashboard, answers []*picture.Answer, counted map[string]map[string]float64) {
	t.Helper()
	for _, a := range answers {
		label, ok := exact()[a.Panel.Title]
		if !ok {
			continue
		}
		got := map[string]float64{}
		for _, sample := range a.Vector {
			got[string(sample.Metric[model.LabelName(label)])] += float64(sample.Value)
		}
		want := counted[label]
		if strings.HasPrefix(a.Query, "topk(10,") && len(want) > 10 && len(got) == 10 { // the others are not shown
			want = maps.Clone(want)
			maps.DeleteFunc(want, func(value string, _ float64) bool { _, shown := got[value]; return !shown })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s by %s (-agent +dashboard):\n%s\n%s", d.Title, a.Panel.Title, label, diff, a.Query)
		}
	}
}

// wait returns what the agent counted, by the values of labels, as soon as Prometheus
// has the same.
func (a *agent) wait(s *server) map[string]map[string]float64 {
	a.t.Helper()
	var counted map[string]map[string]float64
	eventually(a.t, "Prometheus has what the agent counted", func() error {
		families, err := a.scrape()
		if err != nil {
			return err
		}
		counted = map[string]map[string]float64{"binary": {}, "workload": {}, "policy": {}}
		for _, m := range families["tetragon_policy_events_total"].GetMetric() {
			for _, l := range m.GetLabel() {
				if values := counted[l.GetName()]; values != nil {
					values[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
		stored, err := s.ask(`sum by (binary) (tetragon_policy_events_total)`, time.Now())
		if err != nil {
			return err
		}
		got := map[string]float64{}
		for _, sample := range stored {
			got[string(sample.Metric["binary"])] = float64(sample.Value)
		}
		if len(got) == 0 || !maps.Equal(got, counted["binary"]) {
			return fmt.Errorf("Prometheus has %v, the agent %v", got, counted["binary"])
		}
		return nil
	})
	return counted
}

// live causes events of several policies by several programs, once or for some time,
// and adds them to those of each policy.
func live(t *testing.T, events map[string]int, d time.Duration) {
	t.Helper()
	programs := map[string][]string{
		"backup":  {"setuid", "1"},
		"browser": {"userns", "unshare"},
		"mailer":  {"setgid", "4294967295"},
	}
	end := time.Now().Add(d)
	for round := 0; ; round++ {
		for i, name := range slices.Sorted(maps.Keys(programs)) {
			if n := 1 + (round*(i+3))%7; round%(i+2) == 0 {
				runAs(t, name, append([]string{"repeat", fmt.Sprint(n)}, programs[name]...)...)
				events["privileges-raise"] += n
			}
		}
		if round%5 == 0 {
			runAs(t, "shell", "at", "/usr/bin/sudo", "exec", "/usr/bin/sudo")
			events["sudo-invocations"]++
		}
		if !time.Now().Before(end) {
			return
		}
		time.Sleep(3 * time.Second) // what causes events does not do so all the time
	}
}

// runAs runs the trigger as a program of a name, in a mount namespace where it is one.
func runAs(t *testing.T, name string, args ...string) {
	t.Helper()
	const there = `mount --make-rprivate / && mount -t tmpfs none /usr/local/bin && cp "$0" "$1" && exec "$@"`
	command(t, nil, "unshare", append([]string{"--mount", "sh", "-c", there, *triggerFlag, "/usr/local/bin/" + name}, args...)...)
}

// read returns the body of a page.
func (a *agent) read(method, path string) ([]byte, error) {
	resp, err := a.request(method, path, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}
