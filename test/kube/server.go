// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Server is an API server with its etcd. There are no controllers, no scheduler
// and no nodes: namespaces have no default service account, a deleted object's
// dependents stay, and a pod stays until it is deleted with a grace period of 0.
type Server struct {
	*Client // of the administrator, who may do everything
	bin     string
	dir     string
	ports   [3]int // of the API server, and of etcd for clients and peers
	etcd    *process
	api     *process
}

// Start starts etcd and kube-apiserver, which are in the directory bin, and
// returns when the API server is ready. Everything they write is in dir, which
// must exist; their logs are NAME.log. Whoever starts the server stops it; if the
// test is killed the kernel ends both programs.
func Start(ctx context.Context, bin, dir string) (*Server, error) {
	s, err := startOnce(ctx, bin, dir)
	if errors.Is(err, errEnded) {
		// Somebody may have taken a port between the time it was found free and used.
		return startOnce(ctx, bin, dir)
	}
	return s, err
}

func startOnce(ctx context.Context, bin, dir string) (*Server, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, fmt.Errorf("directory of kube-apiserver: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("directory of the API server: %w", err)
	}
	s := &Server{bin: bin, dir: dir}
	if s.ports, err = freePorts(); err != nil {
		return nil, err
	}
	token := rand.Text()
	users := token + `,admin,admin,"system:masters"` + "\n"
	if err := os.WriteFile(s.file("tokens.csv"), []byte(users), 0o600); err != nil {
		return nil, fmt.Errorf("write tokens: %w", err)
	}
	if err := writeKey(s.file("accounts.key")); err != nil {
		return nil, err
	}
	s.Client = &Client{
		address: "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[0])),
		ca:      s.file("apiserver.crt"), // self-signed: its own authority
		token:   token,
	}
	if s.etcd, err = s.startEtcd(); err == nil {
		err = s.StartAPI(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) file(name string) string {
	return filepath.Join(s.dir, name)
}

func (s *Server) startEtcd() (*process, error) {
	client := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[1]))
	peer := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[2]))
	return start(s.dir, filepath.Join(s.bin, "etcd"),
		"--data-dir="+s.file("etcd"), "--log-level=warn",
		"--unsafe-no-fsync", // what a power failure would lose is a test
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
	)
}

// StartAPI starts the API server, as Start does, after StopAPI: at the same
// address, with the same data, certificate and tokens.
func (s *Server) StartAPI(ctx context.Context) error {
	api, err := start(s.dir, filepath.Join(s.bin, "kube-apiserver"),
		"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(s.ports[0]), "--advertise-address=127.0.0.1",
		"--etcd-servers=http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ports[1])),
		"--cert-dir="+s.dir, // where it writes a self-signed certificate, once
		"--token-auth-file="+s.file("tokens.csv"),
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+s.file("accounts.key"),
		"--service-account-signing-key-file="+s.file("accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
		"--allow-privileged=true",
		// It would wait for the default service account that a controller makes.
		"--disable-admission-plugins=ServiceAccount",
	)
	if err != nil {
		return err
	}
	s.api = api
	return s.waitReady(ctx)
}

// errEnded is that of a program that ends instead of becoming ready.
var errEnded = errors.New("has ended")

// readyTimeout is generous: machines that run tests are slow and busy.
const readyTimeout = 5 * time.Minute

// waitReady returns when /readyz answers, or the reason why it will not.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return s.api.failure(fmt.Errorf("kube-apiserver is not ready: %w, last: %w", ctx.Err(), last))
		case <-s.etcd.done:
			return s.etcd.failure(fmt.Errorf("etcd %w", errEnded))
		case <-s.api.done:
			return s.api.failure(fmt.Errorf("kube-apiserver %w", errEnded))
		case <-tick.C:
		}
		answer, err := s.Do(ctx, http.MethodGet, "/readyz", "", nil)
		if err == nil && answer.Code == http.StatusOK {
			return nil
		}
		if last = err; err == nil {
			last = errors.New(answer.Status)
		}
	}
}

// StopAPI stops the API server and leaves etcd running. Clients find nobody at
// the address until StartAPI.
func (s *Server) StopAPI() error {
	err := s.api.stop()
	s.api = nil
	return err
}

// Stop stops both programs. The directory stays.
func (s *Server) Stop() error {
	err := errors.Join(s.StopAPI(), s.etcd.stop())
	s.etcd = nil
	return err
}

// freePorts returns ports that nobody listens on at loopback.
func freePorts() (ports [3]int, err error) {
	for i := range ports {
		// All are held until all are known, so that they differ.
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
