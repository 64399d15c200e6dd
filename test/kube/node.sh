# SPDX-License-Identifier: Apache-2.0
#
# The first process of a node, in pid and mount namespaces of its own: what it
# starts ends with it, and what is mounted here is mounted nowhere else.
# Usage: node.sh SECONDS CONTAINERD_CONFIG IMAGE KUBELET [ARGUMENT...], in the node's directory.
set -eu
seconds=$1 containerd=$2 image=$3
shift 3
trap 'exit 0' TERM

mount --make-rprivate /
mount -t proc proc /proc

# Containerd and the kubelet have paths that no flag changes.
for dir in /run /var/lib /var/log; do
	mkdir -p "root$dir"
	mount --bind "root$dir" "$dir"
done

# The kubelet sets these for the whole machine (setupKernelTunables in
# pkg/kubelet/cm/container_manager_linux.go), unless it finds them set.
while read -r name value; do
	echo "$value" >"sysctl.$name"
	mount --bind "sysctl.$name" "/proc/sys/$(echo "$name" | tr . /)"
done <<END
vm.overcommit_memory 1
vm.panic_on_oom 0
kernel.panic 10
kernel.panic_on_oops 1
kernel.keys.root_maxkeys 1000000
kernel.keys.root_maxbytes 25000000
END

containerd --config "$containerd" &
until ctr version >/dev/null 2>&1; do
	[ $((seconds -= 1)) -gt 0 ] || { echo "containerd does not answer"; exit 1; }
	sleep 1
done
ctr --namespace k8s.io images import "$image"

"$@" &
wait $!
echo "the kubelet has ended"
exit 1
