// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetrameter/tetrameter/test/kube"
)

var (
	agentFlag  = flag.String("tetrameter", "../../bin/tetrameter", "agent to test")
	entryFlag  = flag.String("entry", "../../bin/entry", "program that containers run, of test/triggers/entry.c")
	binFlag    = flag.String("bin", "../../bin/kube", "directory of etcd, kube-apiserver and the other programs of Kubernetes")
	attachFlag = flag.String("attach", "auto", "way to attach that the agent may use")
)

// deadline is how long anything may take that a test waits for.
const deadline = 5 * time.Minute

// The cluster, for all tests.
var (
	server *kube.Server
	node   *kube.Node
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
	dir, err := os.MkdirTemp("", "tetrameter-node")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	begin := time.Now()
	ctx := context.Background()
	if server, err = kube.Start(ctx, *binFlag, dir); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	controllers, err := server.StartControllers()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, controllers.Stop()) }()
	home := filepath.Join(dir, "node")
	if err := os.Mkdir(home, 0o700); err != nil {
		return 1, err
	}
	if node, err = server.StartNode(ctx, home, "node-1", *entryFlag); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	if err := install(ctx); err != nil {
		return 1, err
	}
	fmt.Printf("the node was ready after %v\n", time.Since(begin).Round(time.Millisecond))
	if code = m.Run(); code != 0 {
		return code, node.Failure(errors.New("tests failed"))
	}
	return 0, nil
}
