// SPDX-License-Identifier: Apache-2.0

package containers

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// driver is how the kubelet and the runtime name cgroups.
type driver string

const (
	cgroupfs driver = "cgroupfs"
	systemd  driver = "systemd"
)

// pod is an object of the API server, and the cgroup that a kubelet makes for it.
type pod struct {
	t                    *testing.T
	namespace, name, uid string
	node                 string
	cgroup               string // path of the pod's own
	driver               driver
	containers           []*container
}

// class is a quality of service, by what a container says about resources.
type class string

const (
	bestEffort class = "{}"
	burstable  class = `{"requests": {"cpu": "10m"}}`
	guaranteed class = `{"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "10m", "memory": "32Mi"}}`
)

// podSpec is what differs between the pods of the tests.
type podSpec struct {
	namespace, name string
	labels          m
	class           class  // burstable if empty
	driver          driver // cgroupfs if empty
	containers      []m    // one named main if empty
	metadata        m      // added to the metadata
}

// createPod has the API server bind a pod to the node of the agent.
func createPod(t *testing.T, node string, s podSpec) *pod {
	t.Helper()
	if err := server.Namespace(t.Context(), s.namespace); err != nil {
		t.Fatal(err)
	}
	p := &pod{t: t, namespace: s.namespace, node: node, driver: s.driver}
	if p.driver == "" {
		p.driver = cgroupfs
	}
	if s.class == "" {
		s.class = burstable
	}
	if s.containers == nil {
		s.containers = []m{{"name": "main", "image": "example.org/trigger:1"}}
	}
	for _, c := range s.containers {
		c["resources"] = json.RawMessage(s.class)
	}
	metadata := m{"name": s.name, "labels": s.labels}
	for key, value := range s.metadata {
		metadata[key] = value
	}
	var made struct {
		Metadata struct{ Name, UID string }
		Status   struct{ QOSClass string }
	}
	send(t, http.MethodPost, "/api/v1/namespaces/"+s.namespace+"/pods", m{
		"metadata": metadata, "spec": m{"nodeName": node, "containers": s.containers},
	}, &made)
	p.name, p.uid = made.Metadata.Name, made.Metadata.UID
	p.cgroup = podCgroup(p.driver, made.Status.QOSClass, p.uid)
	return p
}

func (p *pod) path() string { return "/api/v1/namespaces/" + p.namespace + "/pods/" + p.name }

// podCgroup is the path that the kubelet makes (pkg/kubelet/cm: cgroup_manager_linux.go,
// pod_container_manager_linux.go). A guaranteed pod has no level for its class.
func podCgroup(d driver, qos, uid string) string {
	levels := []string{"kubepods"}
	if qos != "Guaranteed" {
		levels = append(levels, strings.ToLower(qos))
	}
	levels = append(levels, "pod"+uid)
	if d == cgroupfs {
		return "/" + path.Join(levels...)
	}
	cgroup, name := "/", ""
	for _, level := range levels {
		name += "-" + strings.ReplaceAll(level, "-", "_")
		cgroup = path.Join(cgroup, name[1:]+".slice")
	}
	return cgroup
}

// containerCgroup is the path that the runtime is told.
func (p *pod) containerCgroup(id string) string {
	if p.driver == systemd {
		return path.Join(p.cgroup, "cri-containerd-"+id+".scope")
	}
	return path.Join(p.cgroup, id)
}

// newID is an ID as the runtimes draw it.
func newID() string {
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// makeCgroup is what the kubelet does first.
func (p *pod) makeCgroup() {
	p.t.Helper()
	for _, root := range hierarchies(p.t) {
		if err := os.MkdirAll(filepath.Join(root, p.cgroup), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
}

// removeCgroups ends the pod on the node.
func (p *pod) removeCgroups() {
	p.t.Helper()
	for _, root := range hierarchies(p.t) {
		removeTree(p.t, filepath.Join(root, p.cgroup))
	}
}

// removeTree removes a cgroup and those in it. The last process may still be
// about to leave.
func removeTree(t *testing.T, dir string) {
	t.Helper()
	children, err := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range children {
		removeTree(t, filepath.Dir(child))
	}
	eventually(t, func() error {
		if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// delete is what an operator and then the kubelet do.
func (p *pod) delete() {
	p.t.Helper()
	remove(p.t, p.path())
	p.removeCgroups()
}

// report writes the IDs of the containers into the status, as the kubelet does
// when they run.
func (p *pod) report() {
	p.t.Helper()
	var statuses []m
	for _, c := range p.containers {
		if c.name == "" {
			continue // the sandbox is in no status
		}
		statuses = append(statuses, m{
			"name": c.name, "containerID": "containerd://" + c.id, "image": "example.org/trigger:1", "imageID": "",
			"ready": true, "restartCount": 0, "state": m{"running": m{"startedAt": time.Now().UTC().Format(time.RFC3339)}},
		})
	}
	change, err := json.Marshal(m{"status": m{"phase": "Running", "containerStatuses": statuses}})
	if err != nil {
		p.t.Fatal(err)
	}
	patch(p.t, p.path()+"/status", string(change))
}

// label sets a label of the running pod.
func (p *pod) label(key, value string) {
	p.t.Helper()
	patch(p.t, p.path(), fmt.Sprintf(`{"metadata": {"labels": {%q: %q}}}`, key, value))
}
