//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups come and go. The container runtime makes the cgroup before it starts
 * the container in it, so what is known here is known at the first instruction.
 */
#include "workload.h"

/* Of the hierarchy that is watched (/proc/cgroups); version 2 has 0. */
const volatile __s32 cgroup_hierarchy = 0;

#define POD_UID 36	   /* 8-4-4-4-12 digits */
#define POD_CONFIG_HASH 32 /* of static pods: no dashes */
#define SLICE_SUFFIX 6
#define NAME_MAX 255 /* include/uapi/linux/limits.h */

/* Reads length bytes before end, and "pod" before them. False if it is not there. */
static __always_inline bool pod_before(struct pod_key *pod, const char *end, __u32 length)
{
	char prefix[3];

	if (bpf_probe_read_kernel(prefix, sizeof(prefix), end - length - sizeof(prefix)) ||
	    prefix[0] != 'p' || prefix[1] != 'o' || prefix[2] != 'd')
		return false;
	return !bpf_probe_read_kernel(pod->uid, length, end - length);
}

/*
 * The kubelet names the cgroup of a pod podUID, or with systemd
 * kubepods-QOS-podUID.slice with '_' for '-' (pkg/kubelet/cm/pod_container_manager_linux.go,
 * cgroup_manager_linux.go). Roots of an operator's choice come before it.
 */
static __always_inline bool pod_of_name(struct pod_key *pod, const char *name)
{
	char buffer[NAME_MAX + 1], suffix[SLICE_SUFFIX];
	const char *end;
	long length = bpf_probe_read_kernel_str(buffer, sizeof(buffer), name);
	int i;

	if (length <= POD_CONFIG_HASH + 3)
		return false;
	end = name + length - 1;
	if (bpf_probe_read_kernel(suffix, sizeof(suffix), end - SLICE_SUFFIX))
		return false;
	if (suffix[0] == '.' && suffix[1] == 's' && suffix[2] == 'l' && suffix[3] == 'i' &&
	    suffix[4] == 'c' && suffix[5] == 'e')
		end -= SLICE_SUFFIX;
	if (end - name >= POD_UID + 3 && pod_before(pod, end, POD_UID)) {
#pragma unroll
		for (i = 0; i < POD_UID; i++)
			if (pod->uid[i] == '_')
				pod->uid[i] = '-';
		return true;
	}
	return end - name >= POD_CONFIG_HASH + 3 && pod_before(pod, end, POD_CONFIG_HASH);
}

static __always_inline bool watched(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) == cgroup_hierarchy;
}

/* The workload of a pod as far as the agent has heard of it. */
static __always_inline __u32 workload_of_pod(struct pod_key *pod)
{
	__u32 *workload = bpf_map_lookup_elem(&pods, pod);

	return workload ? *workload : WORKLOAD_UNKNOWN;
}

/*
 * A cgroup inside one of a pod is that pod's, and its container's if the agent
 * has told them apart; one that is named as a pod's is that pod's. The agent
 * writes pods first and then corrects what it finds in cgroups, so it is asked
 * once more when the entry is there to be found.
 */
SEC("raw_tp/cgroup_mkdir")
int cgroup_made(__u64 *ctx)
{
	struct cgroup *cgroup = (void *)ctx[0];
	struct cgroup_value value = {}, *outer;
	__u64 id, parent;

	if (!watched(cgroup))
		return 0;
	parent = BPF_CORE_READ(cgroup, self.parent, cgroup, kn, id);
	outer = bpf_map_lookup_elem(&cgroups, &parent);
	if (outer) {
		value.workload = outer->workload;
		value.pod = outer->pod;
	} else if (pod_of_name(&value.pod, BPF_CORE_READ(cgroup, kn, name))) {
		value.workload = workload_of_pod(&value.pod);
	} else {
		return 0;
	}
	value.created = bpf_ktime_get_ns();
	id = BPF_CORE_READ(cgroup, kn, id);
	if (bpf_map_update_elem(&cgroups, &id, &value, 0)) {
		lose(LOSS_CGROUPS_FULL);
		return 0;
	}
	if (value.workload != WORKLOAD_UNKNOWN)
		return 0;
	value.workload = workload_of_pod(&value.pod);
	if (value.workload != WORKLOAD_UNKNOWN)
		bpf_map_update_elem(&cgroups, &id, &value, 0);
	return 0;
}

/* What was counted for it is not exposed yet: the agent removes the entry. */
SEC("raw_tp/cgroup_rmdir")
int cgroup_gone(__u64 *ctx)
{
	struct cgroup *cgroup = (void *)ctx[0];
	__u64 id = BPF_CORE_READ(cgroup, kn, id);
	__u64 now = bpf_ktime_get_ns();

	if (watched(cgroup) && bpf_map_lookup_elem(&cgroups, &id))
		bpf_map_update_elem(&removed, &id, &now, 0);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
