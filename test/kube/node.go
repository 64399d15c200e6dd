// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	_ "embed" // of node.sh
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Node is a node of the cluster: a kubelet, containerd and runc on this machine, in
// pid and mount namespaces of their own, with cgroups below one of their own. Pods
// must use the node's network: there is no other.
type Node struct {
	Name    string
	server  *Server
	dir     string
	process *process
	cgroups *cgroups
}

// NodeImage is the image that containers on a node can have. Its entry point is the
// program that StartNode got.
const NodeImage = "tetrameter.test/entry:test"

// NodeCgroup is the name of the cgroup below which nodes make theirs.
const NodeCgroup = "tetrameter-test-node"

//go:embed node.sh
var nodeScript string

// StartNode starts a node, as root, and returns when the API server says that it is
// ready. The program, which is static, becomes the only file of NodeImage. Without
// arguments it has to wait: it is the first process of each pod too. Everything
// written is in dir; NodeName.log has what the node's programs print. Whoever starts the
// node stops it before the server; if the test is killed the kernel ends the node.
func (s *Server) StartNode(ctx context.Context, dir, name, program string) (*Node, error) {
	n := &Node{Name: name, server: s, dir: dir}
	if err := n.prepare(program); err != nil {
		return nil, fmt.Errorf("prepare node %s: %w", name, err)
	}
	var err error
	if n.cgroups, err = makeCgroups(NodeCgroup); err != nil {
		return nil, fmt.Errorf("prepare node %s: %w", name, err)
	}
	n.process, err = launch(dir, name, syscall.CLONE_NEWPID|syscall.CLONE_NEWNS,
		"sh", "-c", nodeScript, "node", strconv.Itoa(int(readyTimeout.Seconds())), n.file("containerd.toml"), n.file("image.tar"),
		filepath.Join(s.bin, "kubelet"), "--config="+n.file("kubelet.json"), "--kubeconfig="+n.file("kubeconfig"),
		"--hostname-override="+name)
	if err == nil {
		err = n.waitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (n *Node) file(name string) string { return filepath.Join(n.dir, name) }

// prepare writes what the programs read.
func (n *Node) prepare(program string) error {
	for _, dir := range []string{"manifests", "cni"} {
		if err := os.Mkdir(n.file(dir), 0o700); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"containerd.toml": fmt.Sprintf(containerdConfig, NodeImage, n.file("cni"), n.file("cni")),
		"cni/none.conf":   noNetwork,
		"kubelet.json":    fmt.Sprintf(kubeletConfig, NodeCgroup, n.file("manifests")),
	} {
		if err := os.WriteFile(n.file(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := n.server.WriteKubeconfig(n.file("kubeconfig"), ""); err != nil {
		return err
	}
	return writeImage(n.file("image.tar"), NodeImage, program)
}

// containerdConfig has the name of the image that sandboxes run. Root without
// CAP_SYS_RESOURCE may not protect them from being killed when memory is short.
const containerdConfig = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = %q
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = %q
bin_dir = %q
`

// noNetwork is what containerd wants to have read before it calls itself ready.
// The plugin is run for pods with a network of their own.
const noNetwork = `{"cniVersion": "0.4.0", "name": "none", "type": "none"}`

// kubeletConfig leaves alone what other programs share with the node: it opens no
// port, writes no rules into iptables, evicts nothing when the disk is full, and has
// its cgroups below one of its own. It also runs where cgroups are of version 1.
const kubeletConfig = `{
"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
"cgroupDriver": "cgroupfs", "cgroupRoot": "/%s", "failCgroupV1": false, "failSwapOn": false,
"staticPodPath": %q, "fileCheckFrequency": "1s",
"enableServer": false, "healthzPort": 0, "makeIPTablesUtilChains": false,
"evictionHard": {"imagefs.available": "0%%", "memory.available": "0%%", "nodefs.available": "0%%", "nodefs.inodesFree": "0%%"},
"imageGCHighThresholdPercent": 100,
"authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": false}},
"authorization": {"mode": "AlwaysAllow"}
}`

// waitReady returns when the API server has the node as ready.
func (n *Node) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return n.process.failure(fmt.Errorf("node %s is not ready: %w", n.Name, ctx.Err()))
		case <-n.process.done:
			return n.process.failure(fmt.Errorf("node %s has ended", n.Name))
		case <-tick.C:
		}
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if n.server.Get(ctx, "/api/v1/nodes/"+n.Name, &node) != nil {
			continue // not registered yet
		}
		for _, c := range node.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				return nil
			}
		}
	}
}

// AddStaticPod gives the kubelet the manifest of a static pod. It runs until the
// manifest is removed.
func (n *Node) AddStaticPod(name string, manifest []byte) error {
	// Renamed into place: the kubelet must not read half of it.
	if err := os.WriteFile(n.file(name), manifest, 0o600); err != nil {
		return fmt.Errorf("static pod %s: %w", name, err)
	}
	if err := os.Rename(n.file(name), filepath.Join(n.file("manifests"), name)); err != nil {
		return fmt.Errorf("static pod %s: %w", name, err)
	}
	return nil
}

// RemoveStaticPod removes the manifest that AddStaticPod added.
func (n *Node) RemoveStaticPod(name string) error {
	if err := os.Remove(filepath.Join(n.file("manifests"), name)); err != nil {
		return fmt.Errorf("static pod %s: %w", name, err)
	}
	return nil
}

// KillContainer kills the processes of a container, by the runtime's ID of it.
func (n *Node) KillContainer(id string) error {
	pids, err := n.cgroups.processes(id)
	if err == nil && len(pids) == 0 {
		err = errors.New("no processes")
	}
	for _, pid := range pids {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGKILL))
	}
	if err != nil {
		return fmt.Errorf("kill container %s: %w", id, err)
	}
	return nil
}

// Failure is err with the end of what the node's programs printed.
func (n *Node) Failure(err error) error { return n.process.failure(err) }

// Stop ends the node and what runs on it, at once, and removes its cgroups. The
// directory stays.
func (n *Node) Stop() error {
	return errors.Join(n.process.stop(), n.cgroups.remove())
}
