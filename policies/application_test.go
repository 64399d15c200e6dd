// SPDX-License-Identifier: Apache-2.0

package policies_test

import (
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/policies"
)

// applications parses the policies for applications, with values for their
// variables.
func applications(t *testing.T) map[string]*policy.Policy {
	t.Helper()
	files, err := fs.Glob(policies.Application(), "*")
	if err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer("$${", "${", "${PODCIDR}", "10.0.0.0/16", "${SERVICECIDR}", "10.1.0.0/16")
	parsed := make(map[string]*policy.Policy)
	for _, file := range files {
		data, err := fs.ReadFile(policies.Application(), file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(file, []byte(values.Replace(string(data))))
		if err != nil {
			t.Fatalf("unexpected error:\n%v", err)
		}
		parsed[file] = p
	}
	return parsed
}

// TestApplication checks what an operator relies on when choosing among the
// policies. They are on: who names one wants it.
func TestApplication(t *testing.T) {
	for file, p := range applications(t) {
		if p.Name+".yaml" != file || p.Namespace != "" || !p.Enabled {
			t.Errorf("%s: name %q, namespace %q, enabled %t", file, p.Name, p.Namespace, p.Enabled)
		}
		description := p.Annotations[policy.AnnotationDescription]
		for _, part := range []string{"Counts ", "Loaded when it is asked for: ", "Expected false positives: "} {
			if !strings.Contains(description, part) {
				t.Errorf("%s: description lacks %q: %s", file, part, description)
			}
		}
		if p.Annotations[policy.AnnotationSeverity] == "" {
			t.Errorf("%s: no severity", file)
		}
		if p.Scope.Pod != nil && !strings.Contains(description, "podSelector is a sample") {
			t.Errorf("%s: description does not say that podSelector is a sample", file)
		}
	}
}

// TestApplicationFilters pins what decides about the counts.
func TestApplicationFilters(t *testing.T) {
	want := map[string][]string{
		"application-file-system-access.yaml": {
			"pods org In empire",
			"security_file_permission file Prefix /etc /boot /lib /lib64 /bin /usr/lib /usr/local/lib /usr/local/sbin " +
				"/usr/local/bin /usr/bin /usr/sbin /var/log /dev/log /root/.ssh",
			"security_file_permission int Equal 2 4",
		},
		"external-http-call.yaml": {
			"pods org In empire",
			"tcp_connect sock NotDAddr 127.0.0.1/32 ::1/128 10.0.0.0/16 10.1.0.0/16",
		},
		"file-monitoring.yaml": {
			"security_file_permission file Prefix /boot/ /etc/ /root/.ssh/ /usr/lib/systemd/ /var/spool/cron/",
			"security_file_permission int Equal 2 4",
			"security_mmap_file file Prefix /boot/ /etc/ /root/.ssh/ /usr/lib/systemd/ /var/spool/cron/",
			"security_mmap_file uint32 Mask 1 2",
			"security_mmap_file uint32 Mask 1",
			"security_path_truncate path Prefix /boot/ /etc/ /root/.ssh/ /usr/lib/systemd/ /var/spool/cron/",
		},
		"network-egress-cluster.yaml": {
			"tcp_connect sock NotDAddr 127.0.0.0/8 ::1/128 10.0.0.0/16 10.1.0.0/16",
		},
	}
	got := make(map[string][]string)
	for file, p := range applications(t) {
		got[file] = filters(p)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("filters differ (-want +got):\n%s", diff)
	}
}

// filters lists the conditions of a policy whose hooks have one selector each.
func filters(p *policy.Policy) []string {
	var list []string
	if p.Scope.Pod != nil {
		for _, r := range p.Scope.Pod.Requirements {
			list = append(list, strings.Join(append([]string{"pods", r.Key, r.Operator}, r.Values...), " "))
		}
	}
	for _, h := range p.Hooks {
		for _, f := range h.Selectors[0].Args {
			words := []string{h.Call, string(h.Args[f.Arg].Type), string(f.Operator)}
			words = append(words, f.Strings...)
			for _, r := range f.Values {
				words = append(words, strconv.FormatUint(r.Min, 10))
			}
			for _, prefix := range f.Prefixes {
				words = append(words, prefix.String())
			}
			list = append(list, strings.Join(words, " "))
		}
	}
	return list
}
