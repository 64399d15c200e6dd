// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"
)

// outputDevice is the serial port of the binary. The kernel and init write to
// the first port, so that no kernel message can split a line of a test.
const outputDevice = "/dev/ttyS1"

// guestMain is process 1 of the guest. It must not return: the kernel would
// panic before the status is out.
func guestMain() {
	if err := guest(); err != nil {
		fmt.Println("init:", err)
	}
	syscall.Sync()
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	select {}
}

func guest() error {
	mounts()
	output, err := openRaw(outputDevice)
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	defer output.Close()
	data, err := os.ReadFile(taskPath)
	if err != nil {
		return err
	}
	var t task
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("%s: %w", taskPath, err)
	}
	for _, name := range bootModules() {
		if err := insertModule(filepath.Join(bootDir, name+".ko")); err != nil {
			fmt.Printf("init: module %s: %v\n", name, err)
		}
	}
	if err := networkUp(); err != nil {
		fmt.Println("init: network:", err)
	}
	if err := syscall.Sethostname([]byte("vm")); err != nil {
		fmt.Println("init: hostname:", err)
	}
	code, err := execute(t, output)
	if err != nil {
		return err
	}
	// The leading newline puts the line on its own; the host drops it again.
	fmt.Fprintf(output, "\n%s %d\n", t.Token, code)
	return nil
}

// mounts mounts what a distribution would. A file system that an old kernel
// lacks is reported on the console only: the test that needs it says so better.
func mounts() {
	for _, m := range []struct{ fstype, target, options string }{
		{"devtmpfs", "/dev", ""},
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/run", "mode=755"},
		{"devpts", "/dev/pts", "ptmxmode=0666"},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"cgroup2", "/sys/fs/cgroup", ""},
		{"bpf", "/sys/fs/bpf", "mode=700"},
		{"tracefs", "/sys/kernel/tracing", ""},
		{"debugfs", "/sys/kernel/debug", ""},
		{"securityfs", "/sys/kernel/security", ""},
	} {
		// sysfs has its mount points already, and forbids mkdir.
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			fmt.Println("init:", err)
		}
		if err := syscall.Mount(m.fstype, m.target, m.fstype, 0, m.options); err != nil {
			fmt.Printf("init: mount %s: %v\n", m.target, err)
		}
	}
}

// openRaw opens a serial port without translation of newlines.
func openRaw(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	raw := syscall.Termios{Cflag: syscall.CS8 | syscall.CREAD | syscall.CLOCAL | syscall.B115200}
	raw.Cc[syscall.VMIN] = 1
	if err := ioctl(f.Fd(), syscall.TCSETS, unsafe.Pointer(&raw)); err != nil {
		return nil, fmt.Errorf("terminal %s: %w", name, err)
	}
	return f, nil
}

func insertModule(name string) error {
	module, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	parameters := []byte{0}
	_, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&module[0])), uintptr(len(module)), uintptr(unsafe.Pointer(&parameters[0])))
	if errno != 0 {
		return errno
	}
	return nil
}

func ioctl(fd, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}

// execute runs the binary, reaps whatever else ends meanwhile and returns the
// status as a shell would: 128 + N for signal N.
func execute(t task, output *os.File) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	process, err := os.StartProcess(t.Path, append([]string{t.Path}, t.Args...), &os.ProcAttr{
		Dir: testDir,
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + filepath.Dir(t.Path),
			"HOME=/root", "TMPDIR=/tmp", "USER=root", "LANG=C.UTF-8",
		},
		Files: []*os.File{null, output, output},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, err
	}
	go interrupt(process.Pid, output)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait %s: %w", t.Path, err)
		case pid != process.Pid:
		case status.Signaled():
			return 128 + int(status.Signal()), nil
		default:
			return status.ExitStatus(), nil
		}
	}
}

// interrupt ends the binary when the host sends anything: first so that a Go
// program prints its goroutines, then for good.
func interrupt(pid int, output *os.File) {
	if n, err := output.Read(make([]byte, 1)); n == 0 || err != nil {
		return
	}
	syscall.Kill(pid, syscall.SIGQUIT)
	time.Sleep(3 * time.Second)
	syscall.Kill(pid, syscall.SIGKILL)
}
