// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetrameter/tetrameter/test/kube"
)

var (
	bin    = flag.String("bin", "../../bin", "directory of tetrameter, of the directory chart with helm3, helm4, kubeconform and monitoring, and of kube")
	update = flag.Bool("update", false, "write golden and generated files instead of comparing with them")
)

// chart is the chart, seen from here.
const chart = "../../chart"

// server is one for all tests, and config the kubeconfig of its administrator.
var (
	server *kube.Server
	config string
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "tetrameter-chart")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// What helm keeps between its runs is not the user's.
	for _, name := range []string{"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		if err := os.Setenv(name, filepath.Join(dir, name)); err != nil {
			return 1, err
		}
	}
	if server, err = kube.Start(context.Background(), filepath.Join(*bin, "kube"), dir); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	config = filepath.Join(dir, "kubeconfig")
	if err := server.WriteKubeconfig(config, ""); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// versions are the helms that the chart is for.
func versions() []string { return []string{"helm3", "helm4"} }

// program runs a program and returns what it printed, apart by stream.
func program(t *testing.T, name string, args ...string) (stdout []byte, stderr string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(*bin, name), args...)
	var out, log bytes.Buffer
	command.Stdout, command.Stderr = &out, &log
	err = command.Run()
	return out.Bytes(), log.String(), err
}

// must is program for what has to succeed.
func must(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, log, err := program(t, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, log)
	}
	return out
}

// helm runs a version of helm on the server.
func helm(t *testing.T, version string, args ...string) []byte {
	t.Helper()
	return must(t, filepath.Join("chart", version), append(args, "--kubeconfig", config)...)
}
