// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"text/template"
)

// document explains the table to who has to believe it.
const document = `# Performance

Written by ` + "`make bench`" + ` (` + "`test/bench`" + `). {{.Machines}}

{{.Table}}
## What the numbers mean

The unit of the rows without a unit is **instructions of the guest, per operation, above what the
same operation costs without any monitoring**. The kernel runs in QEMU with ` + "`-icount shift=0,sleep=off`" + `
on one virtual CPU: its clock advances by one nanosecond per instruction executed, so that a time
difference is a number of instructions. It depends on the kernel and on the programs, not on the
processor, its frequency or what else it does. It says nothing about caches: a load that misses costs
the same one instruction as an addition, as does reading the clock of the processor.

Everything is measured in one boot: every row is the median of several runs, with the lowest and the
highest beside it, less the median of runs without any program at the start and at the end.
Addresses are not randomised. Kernel work that comes later or from elsewhere (interrupts, RCU
callbacks, the idle agent) is in it; medians repeat to within one percent of the whole operation,
which is 25 instructions for setuid and 700 for a process. While a row is measured, the agent runs and is not
scraped; afterwards it must have counted every event, or there is no table.

* **setuid(0)**: a static program calls it in a loop. The policy compares the one integer argument of
  ` + "`__sys_setuid`" + `: with 0 in the rows that match, with 12345 in the others. A match is counted in the
  totals and in the series of its policy, binary and cgroup.
* **floor**: a program that does nothing, or that only looks up one entry of a per-CPU hash with keys
  and values as large as those of the series map and increments it, attached to the same function.
  What is above it is ours.
* **fork+exec+exit**: a static program is started and waited for. The reference policies are
  sudo-invocations, privileges-raise and monitor-kernel-modules; of those, the process
  reaches the hook of execve, whose condition is the binary. A policy that follows children has
  programs on fork, exec and the end of processes, which copy what a process descends from, and
  walk the path of the executable.
* **first event of a process**: such a program that calls setuid(0) once, and it matches: the path of
  the executable is walked and looked up, and remembered for later events of the process.
* **policies on the hook**: as setuid that does not match, with that many policies of one integer each
  in the one program that they share.
* **1-byte pread**: of an open file, in a directory of a file system that is mounted on the root's when
  it does not match, in a directory of the root's when it does. The path is walked for both: one call
  of a helper reads the mount or the name's place, another copies the name.
* **TCP connection**: socket, connect, accept and close, all of 78 000 instructions, so that these two
  rows are known to about 100.
* **memory** is VmRSS of the agent with the policies that it ships with, on this machine.
* **scrape** is the wall time of an HTTP request over loopback for uncompressed text, on this machine;
  every series has a binary and a hook. Map reading is the agent's own
  ` + "`tetrameter_map_read_duration_seconds`" + `. These two depend on the processor and on what else runs:
  the measurement waits a few minutes for a quiet moment, and says so if there was none.

## What is above the floor

Of the setuid that matches by fentry, about 140 instructions are the trampoline and 35 to 50 the tail
call, reading the argument and comparing it (the row that does not match has both). The rest is
counting: identifying the task (four reads, a hash, one array lookup) about 100, the totals 20 to 35,
the cgroup id 15, and about 190 the series' key, its per-CPU hash lookup and the frames of two
functions. The budgets were set against a floor of 223 by fentry and 412 by kprobe; the floor with
keys and values of the size used here is what the table says, which leaves the budgets less than 100
instructions. Only a design without the hash lookup, rows of an array found through a per-CPU cache,
came below 400 in an experiment (390).

Of the scrape, sorting by the client library is a quarter, encoding and compression of the response
another, and garbage collection an eighth.

## How to measure again

    make bench

or, with the kernels fetched already, ` + "`go run ./test/bench -kernel trixie -out ''`" + ` for another
kernel and without writing this file; ` + "`-quick`" + ` repeats less. It needs root for the rows of this machine,
which should have nothing else to do.
`

// describe says where it was measured.
func (r results) describe(w io.Writer) {
	fmt.Fprintf(w, "Instructions: Linux %s, one virtual CPU.\nMemory and scrapes: Linux %s, %d CPUs.\n\n",
		r.guestKernel, r.hostKernel, r.cpus)
}

func writeDocument(w io.Writer, r results) error {
	var machines, table bytes.Buffer
	r.describe(&machines)
	writeTable(&table, r.rows)
	t, err := template.New("document").Parse(document)
	if err != nil {
		return err
	}
	return t.Execute(w, struct{ Machines, Table string }{
		string(bytes.TrimSpace(machines.Bytes())), table.String(),
	})
}
