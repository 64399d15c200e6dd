// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

func TestParseFormat(t *testing.T) {
	tests := map[string]plan.Field{
		"field:unsigned short common_type;	offset:0;	size:2;	signed:0;": {Name: "common_type", Type: "unsigned short", Size: 2},
		"field:const void * skaddr;	offset:8;	size:8;	signed:0;":        {Name: "skaddr", Type: "const void *", Offset: 8, Size: 8},
		"field:const char *name;	offset:8;	size:8;	signed:0;":           {Name: "name", Type: "const char *", Offset: 8, Size: 8},
		"field:char comm[16];	offset:8;	size:16;	signed:1;":             {Name: "comm", Type: "char", Offset: 8, Size: 16, Signed: true, Array: true},
		"field:unsigned long args[6];	offset:16;	size:48;	signed:0;":    {Name: "args", Type: "unsigned long", Offset: 16, Size: 48, Array: true},
		"field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;": {Name: "filename", Type: "char", Offset: 8, Size: 4, Array: true, Located: true},
		"field:__u8 saddr[4];	offset:32;	size:4;":                       {Name: "saddr", Type: "__u8", Offset: 32, Size: 4, Array: true},
	}
	for text, want := range tests {
		got, err := plan.ParseFormat("name: x\nID: 1\nformat:\n\t" + text + "\n\nprint fmt: \"%s\"\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(plan.Format{Fields: []plan.Field{want}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{
		"", "name: x\n", "field:;offset:0;size:1;", "field:int;offset:0;size:4;", "field:int x;offset:no;size:4;",
		"field:int x;offset:99999;size:4;", "field:int x;offset:-1;size:4;",
	} {
		if got, err := plan.ParseFormat(text); err == nil {
			t.Errorf("%q: %+v without an error", text, got)
		}
	}
}

// Whatever the text, reading it ends, and fields have what programs need.
func FuzzParseFormat(f *testing.F) {
	for _, text := range []string{processExec, sockState, moduleRequest, rawSyscall, "field:a[;", "field:__data_loc [] ;offset:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		format, err := plan.ParseFormat(text)
		if (err == nil) != (len(format.Fields) > 0) {
			t.Fatalf("%d fields, error %v", len(format.Fields), err)
		}
		for _, field := range format.Fields {
			if field.Name == "" || field.Type == "" {
				t.Errorf("%q: field %+v", text, field)
			}
		}
	})
}
