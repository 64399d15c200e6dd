// SPDX-License-Identifier: Apache-2.0

// Command bench measures what counting costs and compares it with the budgets.
//
// It builds the agent, boots a kernel in QEMU with -icount, where a nanosecond
// is an instruction, and runs itself there as "bench guest": events with and
// without the agent, in one boot, so that the difference is the cost. Then it
// measures memory and scrapes of an agent on this machine. It prints one table
// and writes it into a document. A budget that is not met is a result; the
// status is not 0 only if something could not be measured or was counted
// wrongly. It uses the agent as a user does, and its pinned maps.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// options are the flags.
type options struct {
	kernel string
	out    string
	quick  bool
}

func main() {
	// Children are started with a parent death signal, which is bound to
	// the thread that starts them, not to the process.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	args := os.Args[1:]
	inGuest := len(args) > 0 && args[0] == "guest"
	if inGuest {
		args = args[1:]
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "repeat less: for a first look")
	if !inGuest {
		flags.StringVar(&o.kernel, "kernel", "bookworm", "`glob` of the suite or version of the kernel to boot")
		flags.StringVar(&o.out, "out", "docs/performance.md", "`file` for the results, empty for none")
	}
	err := flags.Parse(args)
	switch {
	case err != nil:
	case inGuest:
		err = guestMain(ctx, o.quick)
	default:
		err = hostMain(ctx, o)
	}
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}
