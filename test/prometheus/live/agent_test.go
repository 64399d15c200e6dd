// SPDX-License-Identifier: Apache-2.0

package live

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"
)

// The scraper's name and password.
const user, password = "prometheus", "23-events"

// agent is a tetrameter that is reached by TLS and a password only.
type agent struct {
	*process
	t       *testing.T
	dir     string
	address string
	args    []string
	client  *http.Client
}

// startAgent starts an agent with pins of its own, which end with the test.
func startAgent(t *testing.T, args ...string) *agent {
	t.Helper()
	a := &agent{t: t, dir: t.TempDir(), address: address(t)}
	a.args = append([]string{
		"run", "--kubernetes=off", "--web.listen-address", a.address, "--web.config.file", a.webConfig(), "--bpf-fs", a.bpffs(),
	}, args...)
	t.Cleanup(func() {
		if a.process == nil { // it could not be started
			return
		}
		a.end(syscall.SIGKILL)
		if out, err := exec.Command(*agentFlag, "cleanup", "--bpf-fs", a.bpffs()).CombinedOutput(); err != nil {
			t.Errorf("cleanup: %v\n%s", err, out)
		}
		if err := unix.Unmount(a.bpffs(), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.ENOENT) {
			t.Errorf("unmount %s: %v", a.bpffs(), err)
		}
	})
	a.restart()
	return a
}

func (a *agent) bpffs() string { return filepath.Join(a.dir, "bpf") }

// restart starts an agent in the place of one that has ended.
func (a *agent) restart() {
	a.t.Helper()
	a.process = start(a.t, *agentFlag, a.args...)
	eventually(a.t, "agent is ready", func() error {
		resp, err := a.request(http.MethodGet, "/-/ready", nil)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, a.log)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// request asks the agent for a page, as a scraper does.
func (a *agent) request(method, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequest(method, "https://"+a.address+path, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.SetBasicAuth(user, password)
	return a.client.Do(req)
}

// webConfig writes the configuration for --web.config.file, and makes the client
// that it lets in.
func (a *agent) webConfig() string {
	a.t.Helper()
	certificate, key := newCertificate(a.t)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		a.t.Fatal(err)
	}
	for name, data := range map[string]string{
		"tls.crt": certificate, "tls.key": key,
		"web.yml": "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n" +
			"basic_auth_users: {" + user + ": '" + string(hash) + "'}\n",
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(data), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM([]byte(certificate))
	// Compression is for each test to ask for.
	a.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authorities}, DisableCompression: true,
	}}
	return filepath.Join(a.dir, "web.yml")
}

// secret is what monitors refer to: the certificate and the password.
func (a *agent) secret(namespace, name string) string {
	certificate, err := os.ReadFile(filepath.Join(a.dir, "tls.crt"))
	if err != nil {
		a.t.Fatal(err)
	}
	indented := strings.ReplaceAll(strings.TrimSpace(string(certificate)), "\n", "\n    ")
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {namespace: %s, name: %s}\nstringData:\n  user: %s\n  password: %s\n  ca.crt: |\n    %s\n",
		namespace, name, user, password, indented)
}
