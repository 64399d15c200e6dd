// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	onAnyKernel(t)
	a := startAgent(t, reference()...)
	for path, want := range map[string]string{
		"/":          `href="/metrics"`,
		"/-/healthy": "tetrameter is healthy.",
		"/-/ready":   "tetrameter is ready.",
		"/metrics":   "tetrameter_build_info",
	} {
		if body := a.get(path); !strings.Contains(body, want) {
			t.Errorf("%s lacks %q:\n%.300s", path, want, body)
		}
	}
}

func TestNegotiation(t *testing.T) {
	onAnyKernel(t)
	a := startAgent(t, reference()...)
	tests := []struct{ accept, encoding, wantType, wantEncoding string }{
		{"", "identity", "text/plain; version=0.0.4", ""},
		{"application/openmetrics-text; version=1.0.0", "gzip", "application/openmetrics-text", "gzip"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "zstd", "application/vnd.google.protobuf", "zstd"},
	}
	for _, tt := range tests {
		req, err := http.NewRequest(http.MethodGet, a.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", tt.accept)
		req.Header.Set("Accept-Encoding", tt.encoding)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, tt.wantType) {
			t.Errorf("accept %q: content type %q, want %q", tt.accept, got, tt.wantType)
		}
		if got := resp.Header.Get("Content-Encoding"); got != tt.wantEncoding {
			t.Errorf("accept %q: encoding %q, want %q", tt.accept, got, tt.wantEncoding)
		}
	}
}
