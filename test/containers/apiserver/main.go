// SPDX-License-Identifier: Apache-2.0

// Command apiserver runs a command beside an API server, and ends with its
// status: for tests in a virtual machine, which has no room to run the server.
//
//	apiserver -bin DIR -kubeconfig FILE [-host HOST] COMMAND...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"github.com/tetrameter/tetrameter/test/kube"
)

func main() {
	bin := flag.String("bin", "bin/kube", "`directory` of etcd and kube-apiserver")
	kubeconfig := flag.String("kubeconfig", "", "`file` to write, with which the command finds the server")
	host := flag.String("host", "", "`address` at which the command finds it, empty for this machine")
	flag.Parse()
	err := run(*bin, *kubeconfig, *host, flag.Args())
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(ended.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

func run(bin, kubeconfig, host string, command []string) (err error) {
	if kubeconfig == "" || len(command) == 0 {
		return errors.New("want -kubeconfig and a command")
	}
	dir, err := os.MkdirTemp("", "tetrameter-apiserver")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := kube.Start(context.Background(), bin, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := server.WriteKubeconfig(kubeconfig, host); err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
