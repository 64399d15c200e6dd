// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/client_golang/prometheus/promhttp/zstd" // offers zstd to scrapers
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"gopkg.in/yaml.v3"
)

// shutdownTime is what requests have to end in.
const shutdownTime = 2 * time.Second

// limits are those of the HTTP server.
type limits struct {
	scrapes int           // at a time; those at once share one reading
	request time.Duration // to read a request
	scrape  time.Duration // to answer one, less than Prometheus waits
	write   time.Duration // from a request to the end of its answer: a slow reader
	idle    time.Duration // between requests, longer than scrape intervals
}

func defaultLimits() limits {
	return limits{scrapes: 5, request: 9 * time.Second, scrape: 9 * time.Second, write: 30 * time.Second, idle: 5 * time.Minute}
}

// server serves metrics, health and the landing page.
type server struct {
	http *http.Server
	mux  *http.ServeMux
	// ready is nil until the agent can say.
	ready atomic.Pointer[func() bool]
}

func newServer(metrics prometheus.Collector, telemetryPath string) *server {
	return newLimitedServer(metrics, telemetryPath, defaultLimits())
}

func newLimitedServer(metrics prometheus.Collector, telemetryPath string, l limits) *server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("tetrameter"))
	s := &server{mux: http.NewServeMux()}
	s.http = &http.Server{
		Handler:           s.mux,
		ReadHeaderTimeout: l.request,
		ReadTimeout:       l.request,
		WriteTimeout:      l.write,
		IdleTimeout:       l.idle,
	}
	s.mux.Handle(telemetryPath, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry:            registry,
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: l.scrapes,
		Timeout:             l.scrape,
		CoalesceGather:      true,
		ProcessStartTime:    time.Now(),
	}))
	s.mux.HandleFunc("/-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "tetrameter is healthy.")
	})
	s.mux.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if ready := s.ready.Load(); ready == nil || !(*ready)() {
			http.Error(w, "tetrameter is loading policies.", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "tetrameter is ready.")
	})
	return s
}

// setReady makes readiness what a function says.
func (s *server) setReady(ready func() bool) { s.ready.Store(&ready) }

// metricsPath checks --web.telemetry-path, which the server's other pages limit.
func metricsPath(path string) (string, error) {
	path = "/" + strings.Trim(path, "/")
	if path == "/" || strings.HasPrefix(path, "/-/") || strings.ContainsAny(path, "{} ") {
		return "", fmt.Errorf("--web.telemetry-path: %q is the path of another page, or none", path)
	}
	return path, nil
}

// serve blocks until the server fails or is shut down.
func (s *server) serve(listeners []net.Listener, flags *web.FlagConfig, telemetryPath string, log *slog.Logger) error {
	landing, err := web.NewLandingPage(web.LandingConfig{
		Name:        "Tetrameter",
		Description: "Counts kernel events by security policy, in the kernel",
		Version:     version.Info(),
		Profiling:   "false",
		Links: []web.LandingLinks{
			{Address: strings.TrimPrefix(telemetryPath, "/"), Text: "Metrics"},
			{Address: "-/healthy", Text: "Health"},
			{Address: "-/ready", Text: "Readiness"},
		},
	})
	if err != nil {
		return fmt.Errorf("landing page: %w", err)
	}
	s.mux.Handle("/", landing)
	if listeners == nil {
		err = web.ListenAndServe(s.http, flags, log)
	} else {
		err = web.ServeMultiple(listeners, s.http, flags, log)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *server) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
	}
}

// scheme is what the metrics are served by, as the file of --web.config.file says. The
// toolkit, which reads it, does not tell.
func scheme(configFile string) string {
	var config struct {
		TLS *yaml.Node `yaml:"tls_server_config"`
	}
	data, err := os.ReadFile(configFile)
	if err == nil {
		err = yaml.Unmarshal(data, &config)
	}
	if err != nil || config.TLS == nil {
		return "http"
	}
	return "https"
}

// url is where a person finds the metrics.
func (s *server) url(scheme string, listeners []net.Listener, telemetryPath string) string {
	if len(listeners) == 0 {
		return telemetryPath
	}
	host, port, err := net.SplitHostPort(listeners[0].Addr().String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + telemetryPath
}

// listen opens the listeners before anything is attached, so that an agent
// which cannot serve changes nothing. It returns none for the kinds of socket
// that only the toolkit opens: systemd's and vsock.
func listen(flags *web.FlagConfig) ([]net.Listener, error) {
	if flags.WebSystemdSocket != nil && *flags.WebSystemdSocket {
		return nil, nil
	}
	var listeners []net.Listener
	for _, address := range *flags.WebListenAddresses {
		if strings.HasPrefix(address, "vsock://") {
			return nil, nil
		}
		l, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%w: is Tetragon, whose metrics use port 2112 too, or another tetrameter running? --web.listen-address chooses another port", err)
		}
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}
