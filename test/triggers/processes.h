/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about how processes begin: who forks them, and what they change. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

static void run_program(char **argv)
{
	execv(argv[0], argv);
	_exit(1);
}

static void await(pid_t pid)
{
	int status;

	if (checked(pid, "fork") != waitpid(pid, &status, 0) || status != 0)
		die("child");
}

static void child(char **argv)
{
	pid_t pid = fork();

	if (!pid)
		run_program(argv);
	await(pid);
}

static void vforked(char **argv)
{
	pid_t pid = vfork();

	if (!pid)
		run_program(argv);
	await(pid);
}

/* Returns when all copies of the write end are closed: their processes ended. */
static void drain(int fds[2])
{
	char byte;

	close(fds[1]);
	while (read(fds[0], &byte, 1) > 0)
		;
	close(fds[0]);
}

/* A child whose parent is this program's parent. */
static void sibling(char **argv)
{
	int fds[2];

	checked(pipe(fds), "pipe");
	if (!checked(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0), "clone"))
		run_program(argv);
	drain(fds);
}

/* A grandchild that acts when its parent has been gone for long. */
static void orphan(char **argv)
{
	int fds[2];
	pid_t pid;

	checked(pipe(fds), "pipe");
	pid = fork();
	if (!pid) {
		pid_t self = getpid();

		if (fork())
			_exit(0);
		while (getppid() == self)
			usleep(1000);
		usleep(50000); /* and has been reaped */
		run_program(argv);
	}
	await(pid);
	drain(fds);
}

static int execute_in_thread(void *argv)
{
	char **arguments = argv;

	syscall(SYS_execve, arguments[0], arguments, NULL);
	syscall(SYS_exit_group, 1);
	return 1;
}

/* This process executes it, from a thread that is not the first one. */
static void thread(char **argv)
{
	static char stack[65536] __attribute__((aligned(16)));

	checked(clone(execute_in_thread, stack + sizeof(stack),
		      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, argv),
		"clone");
	for (;;)
		pause();
}

static void setuid_twice(void)
{
	syscall(SYS_setuid, -1);
	syscall(SYS_setuid, -1);
}

static void change_namespace(char **argv)
{
	(void)argv;
	checked(unshare(CLONE_NEWUTS), "unshare");
	setuid_twice();
}

/* Loses a capability, or gets it back. */
static void change_capability(char **argv)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	(void)argv;
	checked(syscall(SYS_capget, &head, data), "capget");
	data[0].effective ^= 1u << CAP_SYS_NICE;
	checked(syscall(SYS_capset, &head, data), "capset");
	setuid_twice();
}

#endif
