package live
import ("testing";"time")
func TestSmoke(t *testing.T) {
	a := startAgent(t)
	s := startServer(t, a, serverOptions{})
	trigger(t, "repeat", "23", "setuid", "1")
	t.Log(s.wait("events", `tetragon_policy_events_total{policy="privileges-raise"}`))
	t.Log(s.ask("up", time.Now()))
	time.Sleep(3*time.Second)
	t.Log(s.ask("{__name__!~'go_.*'}", time.Now()))
}
