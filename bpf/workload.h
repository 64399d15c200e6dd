/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which workload a process belongs to, and which policies are for it. The agent
 * numbers workloads: the host, each container, each pod. A scope is what some
 * policies select processes by; the agent numbers scopes too and keeps, for each
 * workload, one bit for each scope.
 */
#pragma once
#include "cgroup.h"
#include "maps.h"

enum workload {
	WORKLOAD_HOST,	  /* every cgroup without an entry */
	WORKLOAD_UNKNOWN, /* a pod's that the agent has not heard of */
};

/* The text of a pod's UID as the API has it, zero padded. */
struct pod_key {
	char uid[40];
};

struct cgroup_value {
	__u32 workload;
	__u32 unused;
	__u64 created; /* ns of CLOCK_MONOTONIC, 0 if older than the agent */
	struct pod_key pod;
};

#define SCOPE_WORDS 16

struct scopes_value {
	__u64 words[SCOPE_WORDS];
};

/*
 * key: id of a cgroup of a pod, on the hierarchy that the agent chose. value:
 * whose it is. Written when the cgroup is made, and by the agent; read by filters
 * and at scrape. When full, new cgroups are the host's and losses says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct cgroup_value);
} cgroups SEC(".maps");

/*
 * key: id of a cgroup with an entry in cgroups, in which no process will be
 * again. value: when it was removed, in ns of CLOCK_MONOTONIC. Written then, read
 * and deleted by the agent. A map of its own since the agent changes entries of
 * cgroups meanwhile. When full, the agent finds out by looking for the cgroup.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} removed SEC(".maps");

/*
 * key: UID of a pod. value: its workload. Written by the agent when it hears of
 * the pod, read when one of its cgroups is made. When full, the agent says so and
 * the pod stays unknown: there are as many entries as workloads.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct pod_key);
	__type(value, __u32);
} pods SEC(".maps");

/*
 * key: workload. value: a bit for each scope that takes it in. Written by the
 * agent, read by filters. Cannot be full: workloads are indices.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct scopes_value);
} scopes SEC(".maps");

/* The controller whose cgroups are the key, or that of version 2 if there is none. */
#define CGROUP_V2 0xffffffff
const volatile __u32 cgroup_controller = CGROUP_V2;

static __always_inline __u64 current_cgroup(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct cgroup_subsys_state *state = NULL;
	struct css_set *set;

	if (cgroup_controller == CGROUP_V2)
		return bpf_get_current_cgroup_id();
	set = BPF_CORE_READ(task, cgroups);
	bpf_core_read(&state, sizeof(state),
		      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
			      cgroup_controller * sizeof(state));
	return BPF_CORE_READ(state, cgroup, kn, id);
}

static __always_inline __u32 current_workload(void)
{
	__u64 id = current_cgroup();
	struct cgroup_value *cgroup = bpf_map_lookup_elem(&cgroups, &id);

	return cgroup ? cgroup->workload : WORKLOAD_HOST;
}
