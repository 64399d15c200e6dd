// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

func TestCompiledModel(t *testing.T) {
	for version, want := range map[string]string{
		"#1 SMP Debian 5.10.226-1 (2024-10-03)":            "none",
		"#1 SMP PREEMPT_RT Debian 6.1.106-3 (2024-08-26)":  "full",
		"#1 SMP PREEMPT Thu Jan 1 00:00:00 UTC 1970":       "full",
		"#1 SMP PREEMPT_LAZY Debian 6.18.1-1 (2026-01-01)": "full",
		"#1 SMP PREEMPT_DYNAMIC Debian 6.12.12-1":          "",
	} {
		if model, known := compiledModel(version); model != want || known != (want != "") {
			t.Errorf("%s: %q, %v; want %q", version, model, known, want)
		}
	}
}

func TestCurrentAndBootModel(t *testing.T) {
	for line, want := range map[string]bool{
		"(none) voluntary full": false, "none (voluntary) full lazy": false,
		"none voluntary (full)": true, "none voluntary full (lazy)": true, "": true,
	} {
		if got := preempts(currentModel(line)); got != want {
			t.Errorf("%q preempts: %v, want %v", line, got, want)
		}
	}
	if model, ok := bootModel("ro preempt=full quiet preempt=none"); model != "none" || !ok {
		t.Errorf("the last preempt= is %q, %v", model, ok)
	}
	if _, ok := bootModel("ro quiet"); ok {
		t.Error("a command line without preempt= has a model")
	}
}

func TestConfigModel(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "config"), filepath.Join(dir, "config.gz")
	text := []byte("# CONFIG_PREEMPT_NONE is not set\nCONFIG_PREEMPT_VOLUNTARY=y\n# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_DYNAMIC=y\n")
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{plain: text, packed: b.Bytes()} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if model, ok := configModel(file); model != "voluntary" || !ok {
			t.Errorf("%s: %q, %v; want voluntary", filepath.Base(file), model, ok)
		}
	}
	if err := os.WriteFile(packed, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{packed, filepath.Join(dir, "missing")} {
		if model, ok := configModel(file); ok {
			t.Errorf("%s: %q from no configuration", filepath.Base(file), model)
		}
	}
}
