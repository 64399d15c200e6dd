// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestNodeSink: labels are told when they change; a node changes every few
// minutes, and its labels almost never.
func TestNodeSink(t *testing.T) {
	labelled := func(labels map[string]string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	}
	var got calls
	var log bytes.Buffer
	s := nodeSink(&got, "worker-1", slog.New(slog.NewTextHandler(&log, nil)))
	s.replace([]*metav1.PartialObjectMetadata{})
	if !strings.Contains(log.String(), "node=worker-1") {
		t.Errorf("nothing logged of a node that is not there: %s", &log)
	}
	s.unavailable(errors.New("forbidden"))
	s.set(labelled(nil))
	s.unavailable(errors.New("forbidden")) // what is known stays
	s.set(labelled(map[string]string{"disk": "ssd"}))
	s.set(labelled(map[string]string{"disk": "ssd"}))
	s.remove(labelled(map[string]string{"disk": "ssd"}))
	s.replace([]*metav1.PartialObjectMetadata{labelled(map[string]string{"disk": "hdd"})})
	want := calls{"SetNode map[]", "SetNode map[]", "SetNode map[]", "SetNode map[disk:ssd]", "SetNode map[disk:hdd]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
