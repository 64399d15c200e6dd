// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// parse returns the scope of a policy with these fields of spec.
func parse(t *testing.T, namespace, fields string) policy.Scoped {
	t.Helper()
	kind := "TracingPolicy\nmetadata: {name: test}"
	if namespace != "" {
		kind = "TracingPolicyNamespaced\nmetadata: {name: test, namespace: " + namespace + "}"
	}
	text := "apiVersion: cilium.io/v1alpha1\nkind: " + kind + "\nspec:\n  kprobes: [{call: sys_setuid, syscall: true}]\n"
	for line := range strings.SplitSeq(fields, "; ") {
		text += "  " + line + "\n"
	}
	p, err := policy.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s:\n%v", text, err)
	}
	return policy.Scoped{Namespace: p.Namespace, Scope: p.Scope}
}

// The places of TestScopes: a pod in shop with main (nginx) and proxy (envoy),
// and what of it is in neither; one with a single container in kube-system,
// before its container is known; one the API server has not told of; the host.
const (
	main      = "main"
	proxy     = "proxy"
	unnamed   = "pod"
	dns       = "dns"
	stranger  = "stranger"
	host      = "host"
	allOfShop = main + " " + proxy + " " + unnamed
	anyKnown  = allOfShop + " " + dns
	anyPod    = anyKnown + " " + stranger
)

// scopes are the fields of policies in a namespace or none, and where they count.
func scopes() []struct{ namespace, fields, want string } {
	return []struct{ namespace, fields, want string }{
		// null is not {}.
		{"", "", anyPod + " " + host},
		{"", "podSelector: null; containerSelector: null; hostSelector: null", anyPod + " " + host},
		{"", "podSelector: {}", anyPod},
		{"", "containerSelector: {}", anyPod},
		{"", "hostSelector: {}", host},
		{"", "podSelector: {}; hostSelector: {}", anyPod + " " + host},
		{"", "podSelector: {matchLabels: {app: web}}; hostSelector: {}", allOfShop + " " + host},
		{"", "containerSelector: {matchLabels: {name: main}}; hostSelector: {}", main + " " + host},
		// Labels.
		{"", "podSelector: {matchLabels: {app: web}}", allOfShop},
		{"", "podSelector: {matchLabels: {app: web, tier: back}}", ""},
		{"", "podSelector: {matchLabels: {tier: ''}}", dns},
		{"", "podSelector: {matchExpressions: [{key: app, operator: In, values: [db, web]}]}", allOfShop},
		{"", "podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", dns},
		{"", "podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [back]}]}", anyKnown},
		{"", "podSelector: {matchExpressions: [{key: app, operator: Exists}]}", allOfShop},
		{"", "podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}", dns},
		{"", "podSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': shop}}", allOfShop},
		{"", "podSelector: {matchExpressions: [{key: 'io.kubernetes.pod.namespace', operator: NotIn, values: [shop]}]}", dns},
		// Namespaces.
		{"shop", "", allOfShop},
		{"shop", "podSelector: {}", allOfShop},
		{"shop", "podSelector: {matchLabels: {app: db}}", ""},
		{"kube-system", "", dns},
		{"shop", "containerSelector: {matchLabels: {name: proxy}}", proxy},
		// Containers.
		{"", "containerSelector: {matchLabels: {name: dns}}", dns},
		{"", "containerSelector: {matchLabels: {name: main}}", main},
		{"", "containerSelector: {matchExpressions: [{key: name, operator: In, values: [main, proxy]}]}", allOfShop},
		{"", "containerSelector: {matchExpressions: [{key: name, operator: NotIn, values: [proxy]}]}", main + " " + dns},
		{"", "containerSelector: {matchExpressions: [{key: repo, operator: Exists}]}", anyKnown},
		{"", "containerSelector: {matchLabels: {repo: docker.io/library/nginx}}", main},
		{"", "containerSelector: {matchLabels: {repo: 'registry.example:5000/envoy'}}", proxy},
		{"", "containerSelector: {matchLabels: {repo: nginx}}", ""},
		{"", "podSelector: {matchLabels: {app: web}}; containerSelector: {matchLabels: {name: dns}}", ""},
		{"", "podSelector: {matchLabels: {app: web}}; containerSelector: {matchLabels: {name: main}}", main},
	}
}

// TestScopes goes the whole way: from a policy as it is written to what the
// kernel counts where.
func TestScopes(t *testing.T) {
	for _, test := range scopes() {
		t.Run(test.namespace+" "+test.fields, func(t *testing.T) {
			k := newWorld(t)
			w := k.start()
			s := parse(t, test.namespace, test.fields)
			setScopes(t, w, s)
			pod := web(1, "main", "proxy")
			pod.Containers[1].Image = "registry.example:5000/envoy:v1@sha256:" + anID
			w.SetPod(pod)
			w.SetPod(workload.Pod{
				UID: uid(2), Namespace: "kube-system", Name: "dns", Workload: "dns", Kind: "DaemonSet",
				// A label cannot pretend to be the namespace.
				Labels:     map[string]string{"tier": "", "io.kubernetes.pod.namespace": "shop"},
				Containers: []workload.Container{{Name: "dns", Image: "dns"}},
			})
			var got []string
			for _, place := range []struct{ name, path string }{
				{main, containerPath(1, "main")},
				{proxy, containerPath(1, "proxy")},
				{unnamed, podPath(1)},
				{dns, containerPath(2, "dns")},
				{stranger, containerPath(3, "main")},
				{host, "system.slice/sshd.service"},
			} {
				k.mkdir(place.path)
				refresh(t, w)
				if k.selected(place.path, 0) {
					got = append(got, place.name)
				}
			}
			if diff := cmp.Diff(strings.Fields(test.want), append([]string{}, got...)); diff != "" {
				t.Errorf("in scope (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoContainers: what is not there is not selected by its name.
func TestNoContainers(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, parse(t, "", "containerSelector: {matchLabels: {name: main}}"), parse(t, "", "containerSelector: {}"))
	w.SetPod(web(1))
	k.mkdir(podPath(1))
	if k.selected(podPath(1), 0) || !k.selected(podPath(1), 1) {
		t.Error("a pod without containers is in the wrong scope")
	}
}

func TestRepository(t *testing.T) {
	for image, want := range map[string]string{
		"nginx":                            "docker.io/library/nginx",
		"nginx:1.27":                       "docker.io/library/nginx",
		"nginx@sha256:" + anID:             "docker.io/library/nginx",
		"docker.io/nginx":                  "docker.io/library/nginx",
		"index.docker.io/library/nginx":    "docker.io/library/nginx",
		"bitnami/redis:7":                  "docker.io/bitnami/redis",
		"quay.io/cilium/tetragon:v1.6":     "quay.io/cilium/tetragon",
		"localhost/x":                      "localhost/x",
		"localhost:5000/x:1":               "localhost:5000/x",
		"registry:5000/a/b@sha256:" + anID: "registry:5000/a/b",
		"":                                 "",
	} {
		k := newWorld(t)
		w := k.start()
		setScopes(t, w, policy.Scoped{Scope: policy.Scope{Container: selector("repo", want)}})
		p := web(1, "main")
		p.Containers[0].Image = image
		w.SetPod(p)
		k.mkdir(podPath(1))
		if !k.selected(podPath(1), 0) {
			t.Errorf("image %q is not of the repository %q", image, want)
		}
	}
}
