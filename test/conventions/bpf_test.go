// SPDX-License-Identifier: Apache-2.0

package conventions_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

const (
	bpfFileLines     = 200
	bpfFunctionLines = 60
)

// sources are the C files that become BPF programs.
func sources(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(withSuffix(files(t), ".c", ".h"), func(name string) bool {
		return !strings.HasPrefix(name, "bpf/")
	})
}

// TestBPFSizes: as TestGoSizes; the verifier reads long functions no better
// than people do.
func TestBPFSizes(t *testing.T) {
	for _, name := range sources(t) {
		all := lines(t, name)
		if len(all) > bpfFileLines {
			t.Errorf("%s: %d lines, more than %d; split it by subject", name, len(all), bpfFileLines)
		}
		begin := 0
		for i, line := range all {
			// Kernel style: only a function's body starts with a brace of its own.
			switch line {
			case "{":
				begin = i
			case "}":
				if n := i - begin - 1; begin > 0 && n > bpfFunctionLines {
					t.Errorf("%s:%d: a function of %d lines, more than %d", name, begin, n, bpfFunctionLines)
				}
				begin = 0
			}
		}
	}
}

// TestBPFConditions: one object runs on every kernel. What differs is decided
// by constants and relocations at load time, where it can be tested; an #if
// would need an object, and a test run, for each of its values.
func TestBPFConditions(t *testing.T) {
	condition := regexp.MustCompile(`^\s*#\s*(if|ifdef|ifndef|elif)\b\s*(.*)`)
	for _, name := range sources(t) {
		all := append(lines(t, name), "")
		for i, line := range all {
			found := condition.FindStringSubmatch(line)
			if found == nil || strings.Contains(found[2], "__TARGET_ARCH_") {
				continue
			}
			if found[1] == "ifndef" && strings.TrimSpace(all[i+1]) == "#define "+found[2] {
				continue
			}
			t.Errorf("%s:%d: %q is about neither the architecture nor inclusion", name, i+1, line)
		}
	}
}

// mapDefinition is one map of a C file with the comment above it, between which
// only preprocessor lines may stand.
var mapDefinition = regexp.MustCompile(`(?m)((?:^/\*(?:[^*]|\*[^/])*\*/\n(?:^#.*\n)*)?)^struct \{\n(?:^\t.*\n)*^\} (\w+) SEC\("\.maps"\);`)

// TestBPFMapComments: maps are the state of the system. What they hold cannot
// be read off their types, and what happens when there is no room, or nothing
// there, must have been thought of.
func TestBPFMapComments(t *testing.T) {
	for _, name := range sources(t) {
		text := string(read(t, name))
		definitions := mapDefinition.FindAllStringSubmatch(text, -1)
		if n := strings.Count(text, `SEC(".maps")`); n != len(definitions) {
			t.Errorf("%s: %d maps, of which %d are written as `struct {` to `} name SEC(\".maps\");`", name, n, len(definitions))
		}
		for _, definition := range definitions {
			for _, word := range []string{"key:", "value:", "full|evict|in use|empty"} {
				if !regexp.MustCompile(word).MatchString(definition[1]) {
					t.Errorf("%s: the comment above map %s does not say %s", name, definition[2], word)
				}
			}
		}
	}
}

// objects are the committed BPF objects, for every architecture.
func objects(t *testing.T) map[string]*ebpf.CollectionSpec {
	t.Helper()
	specs := make(map[string]*ebpf.CollectionSpec)
	for _, name := range withSuffix(files(t), ".o") {
		spec, err := ebpf.LoadCollectionSpec(path(name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		specs[name] = spec
	}
	if len(specs) == 0 {
		t.Fatal("no BPF objects")
	}
	return specs
}

// TestCounterMaps: the kernel compares keys byte by byte, so a padding hole
// splits a counter by whatever was on the stack. And a counter that is evicted
// starts again at 0, which rate() takes for a restart.
func TestCounterMaps(t *testing.T) {
	for name, spec := range objects(t) {
		for _, counter := range []string{"series", "totals", "overflow"} {
			m := spec.Maps[counter]
			if m == nil {
				t.Errorf("%s: no map %s", name, counter)
				continue
			}
			if strings.Contains(m.Type.String(), "LRU") {
				t.Errorf("%s: map %s is of type %s, which evicts", name, counter, m.Type)
			}
		}
		for _, m := range spec.Maps {
			if m.Key != nil {
				contiguous(t, name+": key of map "+m.Name, m.Key)
			}
		}
	}
}

// contiguous reports members without a name and bytes that belong to none.
func contiguous(t *testing.T, subject string, typ btf.Type) {
	t.Helper()
	composite, ok := btf.UnderlyingType(typ).(*btf.Struct)
	if !ok {
		return // an integer, an enum or an array of bytes
	}
	var end btf.Bits
	for _, member := range composite.Members {
		if member.Name == "" {
			t.Errorf("%s: a member has no name, so no label either", subject)
		}
		if member.Offset != end {
			t.Errorf("%s: %d unused bytes before %s", subject, (member.Offset-end)/8, member.Name)
		}
		size, err := btf.Sizeof(member.Type)
		if err != nil {
			t.Fatalf("%s: %s: %v", subject, member.Name, err)
		}
		end = member.Offset + btf.Bits(size)*8
		contiguous(t, subject+"."+member.Name, member.Type)
	}
	if size := btf.Bits(composite.Size) * 8; end != size {
		t.Errorf("%s: %d unused bytes at the end", subject, (size-end)/8)
	}
}
