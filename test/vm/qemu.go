// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// machine is what a virtual machine is made of, apart from its kernel.
type machine struct {
	smp    int
	memory string
	icount bool
	net    bool
	append string
}

// stopDelay is how long the guest may take to end after it was asked to.
const stopDelay = 10 * time.Second

// commandLine of the kernel. Older kernels distrust the emulated TSC and fall
// back to the HPET, which makes every clock_gettime a system call.
const commandLine = "console=ttyS0 panic=-1 tsc=reliable"

// arguments of QEMU. The kernel log goes to the file console, the output of
// the binary to standard output.
//
// All CPUs share one thread. With a thread each, a CPU can meet the int3 of a
// finished text patch in stale translated code, and the kernel dies of it:
// every static key, ftrace or BPF trampoline update is a text patch.
func (m machine) arguments(k kernel, initramfs, console string) []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=single", "-cpu", "max,avx=off,avx2=off", "-m", m.memory,
		"-kernel", filepath.Join(k.dir, "vmlinux"),
		"-initrd", initramfs,
		"-append", commandLine + " " + m.append,
		"-chardev", "file,id=console,append=on,path=" + console,
		"-chardev", "stdio,id=output,signal=off",
		"-serial", "chardev:console",
		"-serial", "chardev:output",
	}
	if m.net {
		args = append(args, networkArguments()...)
	}
	if m.icount {
		// One CPU and no idle time: guest nanoseconds are instructions.
		return append(args, "-icount", "shift=0,sleep=off", "-smp", "1")
	}
	return append(args, "-smp", strconv.Itoa(m.smp))
}

// boot runs the machine and copies the output of the binary to w. When ctx
// ends the guest is asked to stop, so that the binary can say where it hangs.
func (m machine) boot(ctx context.Context, k kernel, initramfs, console, token string, w io.Writer) (outcome, error) {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", m.arguments(k, initramfs, console)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return outcome{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	cmd.Cancel = func() error {
		_, err := io.WriteString(stdin, "q")
		return err
	}
	cmd.WaitDelay = stopDelay
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	o, err := copyOutput(w, stdout, token)
	if werr := cmd.Wait(); werr != nil && ctx.Err() == nil {
		err = errors.Join(err, fmt.Errorf("qemu: %w", werr))
	}
	return o, err
}
