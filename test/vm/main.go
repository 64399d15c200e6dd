// SPDX-License-Identifier: Apache-2.0

// Command vm runs a static binary, usually a compiled Go test, on other Linux
// kernels in QEMU.
//
// "vm fetch" keeps the newest generic kernel of each Debian suite in a cache;
// "vm run" packs the binary into an initramfs, boots it on the cached kernels
// and exits with the status of the binary. The same executable is /init inside
// the virtual machine. It knows nothing about the packages under test: they
// compile on the host with CGO_ENABLED=0 and find in the guest the usual
// kernel file systems, a loopback device and /lib/test/module.ko.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

const usage = `usage:
  vm fetch [-suites LIST] [-cache DIR]
  vm run [flags] [--] BINARY [ARGUMENT...]
`

func main() {
	if os.Getpid() == 1 && os.Args[0] == initPath {
		guestMain()
		return
	}
	// QEMU is started with a parent death signal, which is bound to the
	// thread that starts it, not to the process.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(),
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var code int
	var err error
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "fetch":
		err = fetchCommand(ctx, args)
	case "run":
		code, err = runCommand(ctx, args)
	default:
		fmt.Fprint(os.Stderr, usage)
		code = 2
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		code = 2
	case err != nil:
		fmt.Fprintln(os.Stderr, "vm:", err)
		code = 1
	}
	os.Exit(code)
}

// cacheFlag declares -cache, which every command shares.
func cacheFlag(flags *flag.FlagSet) *string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return flags.String("cache", filepath.Join(base, "tetrameter", "kernels"), "`directory` of the kernels")
}
