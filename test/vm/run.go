// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tailLines is how much of the console a failure shows.
const tailLines = 60

// run is one invocation of "vm run".
type run struct {
	machine
	timeout time.Duration
	files   []string
	console string
	binary  string
	args    []string
	isTest  bool
}

// runCommand boots each matching kernel in turn and returns the status of the
// first run that failed.
func runCommand(ctx context.Context, args []string) (int, error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	cache := cacheFlag(flags)
	pattern := flags.String("kernel", "*", "comma-separated `globs` of suite or version")
	var r run
	flags.DurationVar(&r.timeout, "timeout", 2*time.Minute, "limit for each kernel, boot included")
	flags.StringVar(&r.append, "append", "", "addition to the kernel command `line`")
	flags.BoolVar(&r.icount, "icount", false, "count instructions instead of time: one CPU, guest nanoseconds are instructions")
	flags.IntVar(&r.smp, "smp", 2, "number of CPUs")
	flags.StringVar(&r.memory, "m", "1G", "`size` of memory")
	flags.BoolVar(&r.net, "net", false, "a network on which the host is 10.0.2.2")
	flags.StringVar(&r.console, "console", "", "kernel log `file`, kept also on success")
	flags.Func("files", "comma-separated `host:guest` pairs to copy, relative guest paths to the working directory; repeatable", func(list string) error {
		r.files = append(r.files, strings.Split(list, ",")...)
		return nil
	})
	flags.Func("programs", "comma-separated dynamically linked `programs` of the host to copy, with their libraries, to the same paths", func(list string) error {
		pairs, err := programFiles(strings.Split(list, ","))
		r.files = append(r.files, pairs...)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	if flags.NArg() == 0 {
		return 0, errors.New("run: no binary given")
	}
	r.binary, r.args = flags.Arg(0), flags.Args()[1:]
	r.isTest, r.args = testArguments(r.binary, r.args)
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	for _, name := range []string{self, r.binary} {
		if err := checkStatic(name); err != nil {
			return 0, err
		}
	}
	cached, err := cachedKernels(*cache)
	if err != nil {
		return 0, err
	}
	kernels, err := matchKernels(cached, *pattern)
	if err != nil {
		return 0, err
	}
	return r.all(ctx, kernels)
}

// testArguments tells whether binary is a compiled test, of which at least one
// test has to run, and makes it print the lines that are counted.
func testArguments(binary string, args []string) (bool, []string) {
	has := func(name string) bool {
		return slices.ContainsFunc(args, func(arg string) bool {
			return strings.HasPrefix(arg, "-test."+name+"=") || arg == "-test."+name
		})
	}
	if !strings.HasSuffix(binary, ".test") || has("list") {
		return false, args
	}
	if !has("v") {
		args = append([]string{"-test.v"}, args...)
	}
	return true, args
}

// all returns the status of the first kernel that failed.
func (r run) all(ctx context.Context, kernels []kernel) (int, error) {
	dir, err := os.MkdirTemp("", "vm-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	console := r.console
	if console == "" {
		f, err := os.CreateTemp("", "vm-console-*.log")
		if err != nil {
			return 0, err
		}
		f.Close()
		console = f.Name()
	}
	if err := os.WriteFile(console, nil, 0o644); err != nil {
		return 0, err
	}
	code := 0
	var summary bytes.Buffer
	for _, k := range kernels {
		status, text, err := r.one(ctx, k, filepath.Join(dir, "initramfs"), console)
		if err != nil {
			return 0, fmt.Errorf("kernel %s: %w", k.version, err)
		}
		if code == 0 {
			code = status
		}
		fmt.Fprintf(&summary, "kernel %s (%s): %s\n", k.upstream(), k.suite, text)
		if ctx.Err() != nil {
			break
		}
	}
	switch {
	case code != 0:
		fmt.Fprintf(os.Stderr, "kernel log: %s\n", console)
	case r.console == "":
		os.Remove(console)
	}
	os.Stderr.Write(summary.Bytes())
	return code, nil
}

// one runs the binary on one kernel and describes what came of it.
func (r run) one(ctx context.Context, k kernel, initramfs, console string) (code int, text string, err error) {
	start := time.Now()
	t := task{Path: path.Join(testDir, filepath.Base(r.binary)), Args: r.args, Token: rand.Text()}
	if err := writeImage(initramfs, k, r.binary, r.files, t); err != nil {
		return 0, "", err
	}
	before, err := os.Stat(console)
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	o, err := r.boot(ctx, k, initramfs, console, t.Token, os.Stdout)
	if err != nil && ctx.Err() == nil {
		return 0, "", err
	}
	code, text = r.verdict(o, ctx.Err())
	text = fmt.Sprintf("%s, %.1fs", text, time.Since(start).Seconds())
	if code != 0 {
		printTail(console, before.Size())
	}
	return code, text, nil
}

// verdict turns an outcome into an exit status.
func (r run) verdict(o outcome, stopped error) (code int, text string) {
	switch {
	case errors.Is(stopped, context.DeadlineExceeded):
		code, text = 1, fmt.Sprintf("timed out after %v", r.timeout)
	case stopped != nil:
		code, text = 1, "interrupted"
	case !o.exited:
		code, text = 1, "ended without a status"
	case o.code != 0:
		code, text = o.code, fmt.Sprintf("exit status %d", o.code)
	case r.isTest && o.tests == 0:
		return 1, "no test ran"
	default:
		text = "ok"
	}
	if r.isTest {
		text += fmt.Sprintf(", %d tests ran", o.tests)
	}
	return code, text
}

// printTail prints what the kernel of the failed run said since it started
// init, or, if it never did, while it booted.
func printTail(console string, offset int64) {
	data, err := os.ReadFile(console)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		return
	}
	data = data[offset:]
	if i := bytes.LastIndex(data, []byte("Run "+initPath)); i >= 0 {
		_, data, _ = bytes.Cut(data[i:], []byte("\n"))
	}
	lines := bytes.SplitAfter(bytes.ReplaceAll(data, []byte("\r"), nil), []byte("\n"))
	os.Stderr.Write(bytes.Join(lines[max(0, len(lines)-tailLines):], nil))
}
