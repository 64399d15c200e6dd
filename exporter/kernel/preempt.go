// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// preemptible says whether a task can be taken off its CPU while it runs a
// fentry program. The kernel then refuses the program to the next task on that
// CPU, whose event is missed: no such kernel counts exactly through fentry. It
// is true where it cannot be found out.
func preemptible() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return true
	}
	model, known := compiledModel(unix.ByteSliceToString(name.Version[:]))
	if known {
		return preempts(model)
	}
	// The model is chosen at boot or later.
	if text, err := os.ReadFile("/sys/kernel/debug/sched/preempt"); err == nil {
		return preempts(currentModel(string(text)))
	}
	if text, err := os.ReadFile("/proc/cmdline"); err == nil {
		if model, ok := bootModel(string(text)); ok {
			return preempts(model)
		}
	}
	release := unix.ByteSliceToString(name.Release[:])
	for _, file := range []string{"/proc/config.gz", "/boot/config-" + release, "/lib/modules/" + release + "/config"} {
		if model, ok := configModel(file); ok {
			return preempts(model)
		}
	}
	return true
}

// preempts names the models without preemption of kernel code
// (kernel/Kconfig.preempt).
func preempts(model string) bool {
	return model != "none" && model != "voluntary"
}

// compiledModel reads the version of uname(2), which names the model unless it
// is the default, none or voluntary (init/Makefile). It is not known for a
// kernel that can change it.
func compiledModel(version string) (model string, known bool) {
	for word := range strings.FieldsSeq(version) {
		if word == "PREEMPT_DYNAMIC" {
			return "", false
		}
		if strings.HasPrefix(word, "PREEMPT") {
			return "full", true
		}
	}
	return "none", true
}

// currentModel reads a line like "none voluntary (full)".
func currentModel(line string) string {
	_, rest, _ := strings.Cut(line, "(")
	model, _, _ := strings.Cut(rest, ")")
	return model
}

// bootModel reads preempt= of the kernel command line.
func bootModel(cmdline string) (string, bool) {
	model, ok := "", false
	for word := range strings.FieldsSeq(cmdline) {
		if m, found := strings.CutPrefix(word, "preempt="); found {
			model, ok = m, true
		}
	}
	return model, ok
}

// configModel reads the default model from a kernel configuration.
func configModel(file string) (string, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	var in io.Reader = bytes.NewReader(data)
	if strings.HasSuffix(file, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return "", false
		}
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch lines.Text() {
		case "CONFIG_PREEMPT_NONE=y":
			return "none", true
		case "CONFIG_PREEMPT_VOLUNTARY=y":
			return "voluntary", true
		case "CONFIG_PREEMPT=y", "CONFIG_PREEMPT_LAZY=y":
			return "full", true
		}
	}
	return "", false
}
