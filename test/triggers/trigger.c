//go:build ignore
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Causes events that policies watch, each exactly as often as asked. Single
 * threaded and without a runtime that makes system calls of its own.
 *
 *	trigger [repeat N] [pause MICROSECONDS] [cpu N] [wait] [time] COMMAND
 *
 * See command() for COMMAND. "wait" prints a line and goes on when its standard
 * input has one; "time" prints the nanoseconds that all repetitions took.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void reap(pid_t pid)
{
	int status;

	if (pid < 0)
		die("fork");
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("child");
}

/* Events in privileges-raise need a task without CAP_SYS_ADMIN. */
static void drop_sys_admin(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		die("capget");
	data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &head, data))
		die("capset");
}

static void user_namespace(const char *call)
{
	pid_t pid;

	drop_sys_admin();
	if (!strcmp(call, "clone")) {
		pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	} else if (!strcmp(call, "clone3")) {
		struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };

		pid = syscall(SYS_clone3, &args, sizeof(args));
	} else {
		pid = fork();
		if (!pid)
			_exit(unshare(CLONE_NEWUSER) ? 1 : 0);
	}
	if (!pid)
		_exit(0);
	reap(pid);
}

/* A child of this program executes PATH, which exits at once. */
static void execute(char *path)
{
	char *argv[] = { path, "nothing", NULL };
	pid_t pid = fork();

	if (!pid) {
		execv(path, argv);
		_exit(1);
	}
	reap(pid);
}

/* Inserts a module from a file and removes it again, if it is in. */
static void module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	if (syscall(SYS_finit_module, fd, "", 0))
		die("finit_module");
	close(fd);
}

static void copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) || sendfile(out, in, NULL, st.st_size) != st.st_size)
		die(to);
	close(in);
	close(out);
}

/* Becomes the program at PATH, in a mount namespace where PATH is this file. */
static void at(char *path, char **argv)
{
	char dir[4096];

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("unshare");
	strncpy(dir, path, sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = 0;
	if (mount("tmpfs", dirname(dir), "tmpfs", 0, NULL))
		die("mount");
	copy_self(path);
	execv(path, argv);
	die(path);
}

static void command(char **argv)
{
	const char *name = argv[0];
	char *arg = argv[1];

	if (!strcmp(name, "nothing"))
		return;
	if (!arg)
		die("argument");
	if (!strcmp(name, "setuid"))
		syscall(SYS_setuid, atoi(arg));
	else if (!strcmp(name, "setgid"))
		syscall(SYS_setgid, atoi(arg));
	else if (!strcmp(name, "userns"))
		user_namespace(arg);
	else if (!strcmp(name, "exec"))
		execute(arg);
	else if (!strcmp(name, "module"))
		module(arg);
	else if (!strcmp(name, "at"))
		at(arg, argv + 1);
	else
		die(name);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	long repeat = 1, pause_us = 0;
	long long start;
	bool timed = false;
	cpu_set_t cpus;
	char line[16];

	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "repeat") && argv[1]) {
			repeat = atol(*++argv);
		} else if (!strcmp(*argv, "pause") && argv[1]) {
			pause_us = atol(*++argv);
		} else if (!strcmp(*argv, "cpu") && argv[1]) {
			CPU_ZERO(&cpus);
			CPU_SET(atoi(*++argv), &cpus);
			if (sched_setaffinity(0, sizeof(cpus), &cpus))
				die("sched_setaffinity");
		} else if (!strcmp(*argv, "wait")) {
			if (puts("ready") < 0 || fflush(stdout) || !fgets(line, sizeof(line), stdin))
				die("wait");
		} else if (!strcmp(*argv, "time")) {
			timed = true;
		} else {
			break;
		}
	}
	if (!*argv)
		die("command");
	start = now();
	while (repeat-- > 0) {
		command(argv);
		if (pause_us)
			usleep(pause_us);
	}
	if (timed)
		printf("%lld\n", now() - start);
	return 0;
}
