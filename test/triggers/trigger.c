//go:build ignore
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Causes events that policies watch, each exactly as often as asked, without a
 * runtime that makes system calls of its own. One thread, but for threadexec.
 *
 *	trigger [repeat N] [pause MICROSECONDS] [cpu N] [chroot DIR] [cgroup DIR] [wait] [time] COMMAND
 *
 * See commands for COMMAND. What a command needs, as an open file, it makes once,
 * before the first repetition. "wait" then prints a line and goes on when its
 * standard input has one; "time" prints the nanoseconds that all repetitions
 * took; "chroot" changes the root before anything else, and "cgroup" joins one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
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

#include "command.h"
#include "files.h"
#include "i386.h"
#include "probe.h"
#include "processes.h"
#include "sockets.h"
#include "uring.h"

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

static void user_namespace(char **argv)
{
	const char *call = argv[0];
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
static void execute(char **argv)
{
	char *child[] = { argv[0], "nothing", NULL };
	pid_t pid = fork();

	if (!pid) {
		execv(argv[0], child);
		_exit(1);
	}
	reap(pid);
}

static void *execute_here(void *path)
{
	char *child[] = { path, "nothing", NULL };

	execv(path, child);
	_exit(1);
}

/* As execute, but the thread that does is not the first of the child. */
static void execute_by_thread(char **argv)
{
	pid_t pid = fork();
	pthread_t thread;

	if (!pid) {
		if (!pthread_create(&thread, NULL, execute_here, argv[0]))
			pthread_join(thread, NULL);
		_exit(1);
	}
	reap(pid);
}

/* Inserts a module from a file and removes it again, if it is in. */
static void module(char **argv)
{
	int fd = checked(open(argv[0], O_RDONLY | O_CLOEXEC), argv[0]);

	if (syscall(SYS_finit_module, fd, "", 0))
		die("finit_module");
	close(fd);
}

static void copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) ||
	    sendfile(out, in, NULL, st.st_size) != st.st_size)
		die(to);
	close(in);
	close(out);
}

/* Becomes the program at PATH, in a mount namespace where PATH is this file. */
static void at(char **argv)
{
	char *path = argv[0], dir[4096];

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

static void nothing(char **argv)
{
	(void)argv;
}

static void set_user(char **argv)
{
	syscall(SYS_setuid, number(argv[0]));
}

static void set_group(char **argv)
{
	syscall(SYS_setgid, number(argv[0]));
}

static pid_t self;

static void find_self(char **argv)
{
	(void)argv;
	self = getpid();
}

static void send_signal(char **argv)
{
	checked(kill(self, number(argv[0])), "kill");
}

static void join_cgroup(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = checked(open(path, O_WRONLY | O_CLOEXEC), path);
	checked(write(fd, "0", 1), path);
	close(fd);
}

static const struct command commands[] = {
	/* No event. */
	{ "nothing", 0, nothing },
	/* setuid ID, setgid ID: also with an ID that is refused, as -1. */
	{ "setuid", 1, set_user },
	{ "setgid", 1, set_group },
	/* i386 NUMBER [ARGUMENT]...: a 32-bit system call, whatever it returns. */
	{ "i386", 1, call_i386, choose_i386 },
	/*
	 * uring inline|worker|poller read|write|open PATH: a byte of a file opened before,
	 * or an openat, through an io_uring.
	 */
	{ "uring", 3, submit_and_wait, choose_uring },
	/* userns clone|clone3|unshare: a user namespace, made by that call. */
	{ "userns", 1, user_namespace },
	/* kill SIGNAL: to itself; 0 is checked for but not sent. */
	{ "kill", 1, send_signal, find_self },
	/* exec PATH: a child executes it, with the argument "nothing". */
	{ "exec", 1, execute },
	/* child PATH [ARGUMENT]..., vfork, sibling: a child executes it; the last has CLONE_PARENT. */
	{ "child", 1, child },
	{ "vfork", 1, vforked },
	{ "sibling", 1, sibling },
	/* orphan PATH [ARGUMENT]...: a grandchild executes it when its parent is gone. */
	{ "orphan", 1, orphan },
	/* thread PATH [ARGUMENT]...: becomes it, by another thread. */
	{ "thread", 1, thread },
	/* namespace, capability: changes its own and calls setuid(-1) twice. */
	{ "namespace", 0, change_namespace },
	{ "capability", 0, change_capability },
	/* threadexec PATH: as exec, by a thread that is not the leader. */
	{ "threadexec", 1, execute_by_thread },
	/* at PATH [OPTION]... COMMAND: the command as a program with this path. */
	{ "at", 2, at },
	/* module PATH: finit_module. */
	{ "module", 1, module },
	/* open PATH: open, read of one byte, close. */
	{ "open", 1, open_read_close },
	/* pread PATH, write PATH, ftruncate PATH: one byte, or to length 0; opened before. */
	{ "pread", 1, read_byte, open_to_read },
	{ "write", 1, write_byte, open_to_write },
	{ "ftruncate", 1, truncate_opened, open_to_write },
	/* tmpfile DIR: write of one byte to a file without a name, opened before. */
	{ "tmpfile", 1, write_byte, open_unnamed },
	/* mmap PATH: one page, to read and private; opened before, and unmapped again. */
	{ "mmap", 1, map_page, open_to_read },
	/* truncate PATH: to length 0, by its path. */
	{ "truncate", 1, truncate_path },
	/* unlink PATH: made by mknod each time. */
	{ "unlink", 1, unlink_path },
	/* rename FROM TO: FROM made by mknod if it is not there. */
	{ "rename", 2, rename_path },
	/* mkdir PATH: and rmdir. */
	{ "mkdir", 1, make_directory },
	/* fail ERRNO: an openat with this error; 0 for one that succeeds. */
	{ "fail", 1, fail },
	/*
	 * tcp ADDRESS PORT [SOURCE]: socket, connect from port SOURCE if given, close. Nobody
	 * needs to listen: the attempt counts. At PORT 0 this program does, and accepts.
	 */
	{ "tcp", 2, connect_to_peer, choose_tcp },
	/* udp ADDRESS PORT: sendto of one byte, by a socket made before. */
	{ "udp", 2, send_byte, choose_udp },
	/* unix PATH|@NAME: socket, connect, accept, close; this program listens there. */
	{ "unix", 1, connect_to_peer, choose_unix },
	/* probe NUMBER TEXT: trigger_probe(NUMBER, TEXT), in which the USDT tetrameter:probe is. */
	{ "probe", 2, call_probe },
	/* memory NUMBER TEXT: the USDT tetrameter:memory, whose arguments are in memory. */
	{ "memory", 2, call_memory_probe },
	/* nest DEPTH: trigger_nest(DEPTH), which calls itself down to 0. */
	{ "nest", 1, call_nested },
	{},
};

/* Finds a command that has its arguments. */
static const struct command *find(char **argv)
{
	const struct command *c = commands;
	int count = 0;

	while (c->name && (!argv[0] || strcmp(c->name, argv[0])))
		c++;
	if (!c->name)
		die("command");
	while (argv[count + 1])
		count++;
	if (count < c->arguments)
		die("argument");
	return c;
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
	bool timed = false, waits = false;
	const struct command *command;
	long long start;
	cpu_set_t cpus;
	char line[16];

	for (argv++; *argv; argv++) {
		if (!strcmp(*argv, "repeat") && argv[1]) {
			repeat = number(*++argv);
		} else if (!strcmp(*argv, "pause") && argv[1]) {
			pause_us = number(*++argv);
		} else if (!strcmp(*argv, "cpu") && argv[1]) {
			CPU_ZERO(&cpus);
			CPU_SET(number(*++argv), &cpus);
			checked(sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
		} else if (!strcmp(*argv, "chroot") && argv[1]) {
			argv++;
			checked(chroot(*argv), *argv);
			checked(chdir("/"), "chdir");
		} else if (!strcmp(*argv, "cgroup") && argv[1]) {
			join_cgroup(*++argv);
		} else if (!strcmp(*argv, "wait")) {
			waits = true;
		} else if (!strcmp(*argv, "time")) {
			timed = true;
		} else {
			break;
		}
	}
	command = find(argv++);
	if (command->prepare)
		command->prepare(argv);
	if (waits && (puts("ready") < 0 || fflush(stdout) || !fgets(line, sizeof(line), stdin)))
		die("wait");
	start = now();
	while (repeat-- > 0) {
		command->run(argv);
		if (pause_us)
			usleep(pause_us);
	}
	if (timed)
		printf("%lld\n", now() - start);
	return 0;
}
