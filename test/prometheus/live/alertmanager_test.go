// SPDX-License-Identifier: Apache-2.0

package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// Alertmanager tells of what fires after the wait, and of changes after the interval.
const (
	groupWait     = 0 * time.Second
	groupInterval = time.Second
)

// webhook receives what Alertmanager tells.
type webhook struct {
	mu     sync.Mutex
	alerts []notification
}

// notification is one alert of a message to a webhook, as Alertmanager documents it.
type notification struct {
	Status              string
	Labels, Annotations map[string]string
	at                  time.Time // when it came
}

func (w *webhook) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	var message struct{ Alerts []notification }
	if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
		message.Alerts = []notification{{Status: err.Error()}}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range message.Alerts {
		n.at = time.Now()
		w.alerts = append(w.alerts, n)
	}
}

// received are the notifications with a status and the name of an alert, and labels if
// any are asked for.
func (w *webhook) received(status, alert string, labels map[string]string) []notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []notification
next:
	for _, n := range w.alerts {
		if n.Status != status || n.Labels["alertname"] != alert {
			continue
		}
		for name, value := range labels {
			if n.Labels[name] != value {
				continue next
			}
		}
		list = append(list, n)
	}
	return list
}

// since are the notifications of what fires that came after a time.
func (w *webhook) since(t time.Time) []notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.alerts), func(n notification) bool { return n.Status != "firing" || n.at.Before(t) })
}

// wait waits for a notification.
func (w *webhook) wait(t *testing.T, status, alert string, labels map[string]string) notification {
	t.Helper()
	var list []notification
	eventually(t, status+" "+alert, func() error {
		if list = w.received(status, alert, labels); len(list) == 0 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return fmt.Errorf("no notification with %v among %v", labels, w.alerts)
		}
		return nil
	})
	return list[0]
}

// startAlertmanager starts Alertmanager, which tells the webhook of each alert apart and
// at once, and returns its address.
func startAlertmanager(t *testing.T, w *webhook) string {
	t.Helper()
	receiver := httptest.NewServer(w)
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte(`
route: {receiver: test, group_by: ['...'], group_wait: `+groupWait.String()+`, group_interval: `+groupInterval.String()+`}
receivers: [{name: test, webhook_configs: [{url: '`+receiver.URL+`', send_resolved: true}]}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := address(t)
	// Debian's reads its templates from /usr/share, where a mount of its own shows what
	// was unpacked and not installed.
	usr, err := filepath.Abs(filepath.Join(*binFlag, ".."))
	if err != nil {
		t.Fatal(err)
	}
	const private = `mount --make-rprivate / && mount -t overlay overlay -o "lowerdir=$0:/usr/share" /usr/share && exec "$@"`
	start(t, "unshare", "--mount", "sh", "-c", private, usr+"/share", usr+"/bin/prometheus-alertmanager", "--config.file", config, "--storage.path", filepath.Join(dir, "data"),
		"--web.listen-address", listen, "--cluster.listen-address=")
	eventually(t, "Alertmanager is ready", func() error {
		resp, err := http.Get("http://" + listen + "/-/ready")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", resp.Status)
		}
		return nil
	})
	return listen
}
