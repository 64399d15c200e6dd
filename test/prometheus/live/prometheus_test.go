// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

// server is a running Prometheus.
type server struct {
	*process
	t       *testing.T
	address string
}

// job is the label of what the chart's monitors scrape.
const job = "tetrameter"

// serverOptions are what a test wants of Prometheus.
type serverOptions struct {
	program      string // Debian's if empty
	version      string // that the operator is told, likewise
	flags        []string
	rules        []byte   // a rule file, or none
	alertmanager string   // its address, or none
	chart        []string // further flags of helm template
}

// startServer starts Prometheus with the configuration that the operator makes of the
// chart's monitors, and returns when it has scraped the agent.
func startServer(t *testing.T, a *agent, o serverOptions) *server {
	t.Helper()
	if o.program == "" {
		o.program, o.version = filepath.Join(*binFlag, "prometheus"), "2.42.0"
	}
	dir := t.TempDir()
	s := &server{t: t, address: address(t)}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, configure(t, a, dir, o), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = start(t, o.program, append([]string{
		"--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", s.address,
	}, o.flags...)...)
	s.wait("scrape", `up{job="`+job+`"} == 1`)
	return s
}

// configure returns the operator's configuration with what the test adds.
func configure(t *testing.T, a *agent, dir string, o serverOptions) []byte {
	t.Helper()
	manifests := monitors(t, o.chart...) + "\n---\n" + a.secret("tetrameter", "scraper")
	out := command(t, []byte(manifests), *operatorFlag, "-address", a.address, "-dir", dir, "-version", o.version)
	var config map[string]any
	if err := yaml.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	global, _ := config["global"].(map[string]any)
	global["evaluation_interval"] = "1s"
	if o.rules != nil {
		file := filepath.Join(dir, "rules.yml")
		if err := os.WriteFile(file, o.rules, 0o600); err != nil {
			t.Fatal(err)
		}
		config["rule_files"] = []string{file}
	}
	if o.alertmanager != "" {
		config["alerting"] = map[string]any{"alertmanagers": []any{
			map[string]any{"static_configs": []any{map[string]any{"targets": []string{o.alertmanager}}}},
		}}
	}
	out, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// monitors are the objects of a release that Prometheus is configured from, as the
// chart makes them.
func monitors(t *testing.T, more ...string) string {
	t.Helper()
	args := append([]string{
		"template", job, root + "/chart", "--kube-version", "1.34.0", "--namespace", "tetrameter", "--values", "testdata/values.yaml",
	}, more...)
	return string(command(t, nil, *helmFlag, args...))
}

// api asks the HTTP API for something, decoded into data. What takes no parameters takes
// no form.
func (s *server) api(path string, parameters url.Values, data any) error {
	address := "http://" + s.address + "/api/v1/" + path
	resp, err := (*http.Response)(nil), error(nil)
	if parameters == nil {
		resp, err = http.Get(address)
	} else {
		resp, err = http.PostForm(address, parameters)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s %v: %s", path, parameters, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// ask evaluates a query at a time.
func (s *server) ask(query string, at time.Time) (model.Vector, error) {
	var data struct {
		Result model.Vector
	}
	parameters := url.Values{"query": {query}, "time": {timestamp(at)}}
	err := s.api("query", parameters, &data)
	return data.Result, err
}

// over evaluates a query over a time.
func (s *server) over(query string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	var data struct {
		Result model.Matrix
	}
	parameters := url.Values{"query": {query}, "start": {timestamp(from)}, "end": {timestamp(to)}, "step": {fmt.Sprint(step.Seconds())}}
	err := s.api("query_range", parameters, &data)
	return data.Result, err
}

func timestamp(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1000) }

// value is the one that a query has now.
func (s *server) value(query string) (float64, error) {
	result, err := s.ask(query, time.Now())
	if err == nil && len(result) != 1 {
		err = fmt.Errorf("%s: %v, want one value", query, result)
	}
	if err != nil {
		return 0, err
	}
	return float64(result[0].Value), nil
}

// wait waits until a query has a result.
func (s *server) wait(what, query string) model.Vector {
	s.t.Helper()
	var result model.Vector
	eventually(s.t, what, func() (err error) {
		if result, err = s.ask(query, time.Now()); err == nil && len(result) == 0 {
			err = errors.New("no result of " + strings.Join(strings.Fields(query), " "))
		}
		return err
	})
	return result
}
