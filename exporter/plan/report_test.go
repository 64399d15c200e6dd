// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// report is the report on a policy of setuid with a selector.
func report(t *testing.T, selector string) plan.Report {
	t.Helper()
	p := parse(t, "a", fmt.Sprintf(`  - call: sys_setuid
    return: true
    args: [{index: 0, type: int}, {index: 1, type: string}]
    returnArg: {index: 0, type: int}
    selectors: [{%s}]
`, selector))
	r, err := plan.Build([]*policy.Policy{p}, full(), plan.Options{}).Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each matcher touches the maps that its filters need, besides those of counting.
func TestReportMaps(t *testing.T) {
	counting := []string{
		bpf.RawTPMapLosses, bpf.RawTPMapNameIds, bpf.RawTPMapNames, bpf.RawTPMapOverflow, bpf.RawTPMapQuotas,
		bpf.RawTPMapScratch, bpf.RawTPMapSeries, bpf.RawTPMapState, bpf.RawTPMapTasks, bpf.RawTPMapTotals,
	}
	with := func(more string) []string {
		all := append(slices.Clone(counting), more)
		slices.Sort(all)
		return all
	}
	equal := `matchArgs: [{index: 0, operator: Equal, values: ["1"]}]`
	returned := `matchReturnArgs: [{index: 0, operator: Equal, values: ["0"]}]`
	tests := []struct {
		selector string
		want     [][]string // by point
	}{
		{equal, [][]string{counting}},
		{`matchBinaries: [{operator: Prefix, values: ["/usr/"]}]`, [][]string{with(bpf.RawTPMapVerdicts)}},
		{returned, [][]string{with(bpf.RawTPMapCalls), {bpf.RawTPMapCalls, bpf.RawTPMapLosses}}},
	}
	for _, test := range tests {
		var got [][]string
		for _, point := range report(t, test.selector).Hooks[0].Points {
			got = append(got, point.Maps)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.selector, diff)
		}
	}
}

// The report says how large maps are, as text and as JSON.
func TestReportFormats(t *testing.T) {
	r := report(t, `matchReturnArgs: [{index: 0, operator: Equal, values: ["0"]}]`)
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if line := "\n  calls: Hash, key of 24 bytes, value of 16, 16384 entries\n"; strings.Count(text.String(), line) != 1 {
		t.Errorf("%s does not have once %s", text.String(), line)
	}
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(r); err != nil {
		t.Fatal(err)
	}
	if entry := `{"name":"calls","type":"Hash","keyBytes":24,"valueBytes":16,"capacity":16384}`; strings.Count(out.String(), entry) != 1 {
		t.Errorf("%s does not have once %s", out.String(), entry)
	}
}
