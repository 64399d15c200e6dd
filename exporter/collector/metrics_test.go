// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/tetrameter/tetrameter/exporter/collector"
)

func TestLint(t *testing.T) {
	c := newCollector(fakeCounters{snapshot: counted()}, allStates(), everything())
	problems, err := promlint.New(strings.NewReader(text(t, c))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestNames: names outside of the legacy character set need quotes in queries,
// and many tools do not know those.
func TestNames(t *testing.T) {
	legacy := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, m := range collector.Metrics() {
		if !legacy.MatchString(m.Name) {
			t.Errorf("name %q is not in the legacy character set", m.Name)
		}
		if !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: help %q does not end with a period", m.Name, m.Help)
		}
		counter := m.Type == prometheus.CounterValue
		if counter != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s: counters and only they end in _total", m.Name)
		}
		for _, l := range m.Labels {
			if !legacy.MatchString(l.Name) || l.Help == "" {
				t.Errorf("%s: label %q with help %q", m.Name, l.Name, l.Help)
			}
		}
	}
}

// TestFamilies: what is described, collected and documented is the same, so
// Describe promises no more and no less than Collect sends.
func TestFamilies(t *testing.T) {
	c := newCollector(fakeCounters{snapshot: counted()}, allStates(), everything())
	var described []string
	descs := make(chan *prometheus.Desc, 100)
	c.Describe(descs)
	close(descs)
	for desc := range descs {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(desc.String())
		if name == nil {
			t.Fatalf("no name in %v", desc)
		}
		described = append(described, name[1])
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var gathered, documented []string
	for _, family := range families {
		gathered = append(gathered, family.GetName())
	}
	for _, m := range collector.Metrics() {
		documented = append(documented, m.Name)
	}
	slices.Sort(described)
	slices.Sort(documented)
	if diff := cmp.Diff(documented, gathered); diff != "" {
		t.Errorf("gathered families differ (-documented +gathered):\n%s", diff)
	}
	if diff := cmp.Diff(documented, described); diff != "" {
		t.Errorf("described families differ (-documented +described):\n%s", diff)
	}
}

// TestDocs: the reference in docs is that of this code.
func TestDocs(t *testing.T) {
	var b bytes.Buffer
	if err := collector.WriteDocs(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/metrics.md", b.String())
}
