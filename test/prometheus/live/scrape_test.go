// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// setuids is the counter that 23 events of the trigger raise, as each format has it.
const setuids = 23

func TestScrape(t *testing.T) {
	a := startAgent(t)
	trigger(t, "repeat", fmt.Sprint(setuids), "setuid", "1")
	t.Run("promtool", a.checkMetrics)
	t.Run("formats", a.checkFormats)
	t.Run("head", a.checkHead)
	t.Run("strangers", a.checkStrangers)
	t.Run("at once", a.checkAtOnce)
	t.Run("slow readers", a.checkSlowReaders)
}

// checkMetrics has promtool judge the names and texts of the live endpoint.
func (a *agent) checkMetrics(t *testing.T) {
	body, err := a.read(http.MethodGet, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(*binFlag, "promtool"), "check", "metrics")
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// checkFormats reads the same counts in each format, by each compression.
func (a *agent) checkFormats(t *testing.T) {
	formats := map[string]func([]byte) (float64, error){
		"text/plain; version=0.0.4":                       fromText,
		"application/openmetrics-text; version=1.0.0":     fromOpenMetrics,
		string(expfmt.NewFormat(expfmt.TypeProtoDelim)):   fromProtobuf,
		"application/x-unknown, text/plain;version=0.0.4": fromText,
	}
	for accept, read := range formats {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			body := a.fetch(t, http.Header{"Accept": {accept}, "Accept-Encoding": {encoding}}, encoding)
			if got, err := read(body); err != nil || got != setuids {
				t.Errorf("%s by %s: %v events, %v, want %d", accept, encoding, got, err, setuids)
			}
		}
	}
}

// fetch returns the exposition as it is without the compression that was asked for.
func (a *agent) fetch(t *testing.T, header http.Header, encoding string) []byte {
	t.Helper()
	resp, err := a.request(http.MethodGet, "/metrics", header)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := resp.Header.Get("Content-Encoding")
	var plain io.Reader = resp.Body
	switch encoding {
	case "identity":
		encoding = ""
	case "gzip":
		plain, err = gzip.NewReader(resp.Body)
	case "zstd":
		plain, err = zstd.NewReader(resp.Body)
	}
	if err != nil || got != encoding {
		t.Fatalf("content encoding %q, %v, want %q", got, err, encoding)
	}
	body, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// isTrigger says whether labels are those of the trigger's events.
func isTrigger(name, binary string) bool {
	return name == "tetragon_policy_events_total" && binary == *triggerFlag
}

func fromText(body []byte) (float64, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	sum := 0.0
	for _, f := range families {
		sum += count(f)
	}
	return sum, err
}

func fromProtobuf(body []byte) (float64, error) {
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	sum := 0.0
	for {
		f := &dto.MetricFamily{}
		if err := decoder.Decode(f); errors.Is(err, io.EOF) {
			return sum, nil
		} else if err != nil {
			return sum, err
		}
		for _, m := range f.Metric {
			if f.GetName() == "tetragon_policy_events_total" && m.GetCounter().GetCreatedTimestamp() == nil {
				return 0, fmt.Errorf("%v has no created timestamp", m)
			}
		}
		sum += count(f)
	}
}

func count(f *dto.MetricFamily) (sum float64) {
	for _, m := range f.Metric {
		for _, l := range m.GetLabel() {
			if l.GetName() == "binary" && isTrigger(f.GetName(), l.GetValue()) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// fromOpenMetrics uses the parser of Prometheus itself.
func fromOpenMetrics(body []byte) (float64, error) {
	parser := textparse.NewOpenMetricsParser(body, labels.NewSymbolTable())
	sum := 0.0
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		parser.Labels(&series)
		if _, _, value := parser.Series(); isTrigger(series.Get("__name__"), series.Get("binary")) {
			sum += value
		}
	}
}

// checkHead asks for the header alone, as probes of load balancers do.
func (a *agent) checkHead(t *testing.T) {
	for _, path := range []string{"/", "/metrics", "/-/healthy", "/-/ready"} {
		resp, err := a.request(http.MethodHead, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || len(body) > 0 {
			t.Errorf("HEAD %s: %s, %d bytes, %v", path, resp.Status, len(body), err)
		}
	}
}

// checkStrangers asks without TLS, and without the password.
func (a *agent) checkStrangers(t *testing.T) {
	resp, err := http.Get("http://" + a.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s", resp.Status)
	}
	for _, path := range []string{"/metrics", "/-/healthy", "/"} {
		resp, err := a.client.Get("https://" + a.address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusUnauthorized || strings.Contains(string(body), "tetra") {
			t.Errorf("%s without password: %s, %q, %v", path, resp.Status, body, err)
		}
	}
}

// checkAtOnce scrapes as eight replicas of Prometheus do. Five are served at a time, and
// the others may be told to come back; who is served has everything.
func (a *agent) checkAtOnce(t *testing.T) {
	const scrapers, served = 8, 5
	results := make([]string, scrapers)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			resp, err := a.request(http.MethodGet, "/metrics", nil)
			if err != nil {
				results[i] = err.Error()
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			sum := 0.0
			if resp.StatusCode == http.StatusOK && err == nil {
				sum, err = fromText(body)
			}
			results[i] = fmt.Sprint(resp.StatusCode, " ", sum, " ", err)
		})
	}
	group.Wait()
	complete := 0
	for _, r := range results {
		switch r {
		case fmt.Sprintf("200 %d <nil>", setuids):
			complete++
		case "503 0 <nil>":
		default:
			t.Errorf("scrape: %s", r)
		}
	}
	if complete < served {
		t.Errorf("%d of %d scrapes were served, want at least %d: %v", complete, scrapers, served, results)
	}
	if diff := cmp.Diff(float64(setuids), a.counted(t)); diff != "" {
		t.Errorf("a scrape after them (-want +got):\n%s", diff)
	}
}

// counted is what a scrape has now.
func (a *agent) counted(t *testing.T) float64 {
	t.Helper()
	sum, err := fromText(a.fetch(t, http.Header{}, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
