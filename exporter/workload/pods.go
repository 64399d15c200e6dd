// SPDX-License-Identifier: Apache-2.0

package workload

import "slices"

// SetPod says what the API server says about a pod. When it returns, cgroups
// that the pod gets from now on, and those that it has, are in the right scopes.
// What fails is logged, counted in Stats, and tried again by Refresh.
func (w *Workloads) SetPod(p Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.pod(p.UID)
	before := known.Containers
	isNew := !known.known || known.gone
	w.learn(known, p)
	// What begins now does not wait for what takes time with all pods of the node.
	err := w.settle(known)
	// Labels only change bitmaps; containers also which number a cgroup has.
	if isNew || !slices.Equal(before, p.Containers) {
		err = w.reconcile()
	}
	w.log(err)
}

// DeletePod says that the API server no longer has the pod. Its labels stay for
// as long as there are counts for it.
func (w *Workloads) DeletePod(uid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.pods[uid]; p != nil && !p.host {
		p.gone = true
		w.log(w.withdraw(p))
	}
}

// Replace says that these are all the pods that the API server has.
func (w *Workloads) Replace(pods []Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	listed := map[*pod]bool{}
	for _, p := range pods {
		known := w.pod(p.UID)
		w.learn(known, p)
		listed[known] = true
	}
	for _, p := range w.pods {
		// A pod of which there are only cgroups may be one that is not listed yet.
		if !listed[p] && !p.host && (p.known || p.recalled || p.entry != 0) {
			p.gone = true
		}
	}
	w.log(w.reconcile())
}

// learn takes over what the API server says. The host is no pod of it.
func (w *Workloads) learn(known *pod, p Pod) {
	if !known.host {
		known.Pod, known.known, known.gone, known.changed = p, true, false, true
	}
}

// log reports what failed, once while it is the same.
func (w *Workloads) log(err error) {
	if err == nil {
		w.problem = ""
		return
	}
	w.stats.Errors++
	if text := err.Error(); text != w.problem {
		w.problem = text
		w.opts.Logger.Error("pods are not all in their scopes", "err", err)
	}
}
