// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// maxInstructions is what the selectors of one policy at one hook may become: room
// for the longest list of paths, and for as much of others (match.MaxInstructions
// is for all together).
const maxInstructions = match.MaxInstructions / 2

// errTooLarge says that one policy wants more than its share of a hook.
var errTooLarge = fmt.Errorf("its selectors need more than %d instructions", maxInstructions)

// matchInput is what the matchers of a hook are compiled from.
type matchInput struct {
	hook     plan.Hook
	slots    map[plan.ID]uint32
	binaries map[string]uint32
	// refused are the counters that have no slot, or cannot be in a matcher,
	// with the reasons.
	refused map[plan.ID]string
}

// matcher is a program that evaluates the policies on one point.
type matcher struct {
	code    string
	waiting []uint64      // keys of the rules that remember calls
	program *ebpf.Program // nil if the point runs the same code already
}

func (m *matcher) close() {
	if m.program != nil {
		m.program.Close()
	}
}

func closeAll(matchers []*matcher) {
	for _, m := range matchers {
		m.close() // the matcher maps hold them now
	}
}

// loadMatchers returns a matcher for each point of a way, and which counters are
// not in them. One policy never spoils a hook for the others: its rules are left
// out if they cannot be compiled alone, if the verifier refuses them alone, or,
// where only all together are too much, if they are the last in the order of ids.
func (k *Kernel) loadMatchers(in matchInput, way plan.Attach) ([]*matcher, map[plan.ID]string, error) {
	l := loading{k, in, way, map[plan.ID]string{}}
	var ids []plan.ID
	for _, id := range in.hook.IDs() {
		switch _, slotted := in.slots[id]; {
		case way.Refused[id] != "":
			l.refused[id] = way.Refused[id]
		case !slotted:
			l.refused[id] = in.refused[id]
		default:
			if err := l.compiles(id); err != nil {
				l.refused[id] = err.Error()
				continue
			}
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return before(ids[i], ids[j]) })
	if len(ids) == 0 {
		return nil, l.refused, errors.New(l.someReason())
	}
	ids = l.most(ids, l.compile)
	matchers, err := l.load(ids)
	if err == nil || !blamesCode(err) {
		return matchers, l.refused, err
	}
	k.logVerifier(in.hook, way, err)
	matchers, err = l.loadSome(ids, err)
	return matchers, l.refused, err
}

// before is the order in which counters keep their place in a hook.
func before(a, b plan.ID) bool {
	if a.Namespace != b.Namespace {
		return a.Namespace < b.Namespace
	}
	return a.Policy < b.Policy
}

// loading is one run of loadMatchers.
type loading struct {
	*Kernel
	in      matchInput
	way     plan.Attach
	refused map[plan.ID]string
}

func (l loading) someReason() string {
	for _, id := range l.in.hook.IDs() {
		if reason := l.refused[id]; reason != "" {
			return reason
		}
	}
	return "no rules"
}

// loadSome finds out whose rules cannot be loaded, and loads the others.
func (l loading) loadSome(ids []plan.ID, joint error) ([]*matcher, error) {
	for _, p := range l.way.Points {
		nothing, err := l.loadNothing(l.way.Kind, p)
		if err != nil {
			return nil, err // the kernel refuses the program whatever it evaluates
		}
		nothing.Close()
	}
	var alone []plan.ID
	for _, id := range ids {
		if err := l.loads([]plan.ID{id}); err != nil {
			l.refused[id] = fmt.Sprintf("the verifier refuses its selectors: %v", reasonOf(err))
			continue
		}
		alone = append(alone, id)
	}
	if len(alone) == 0 {
		return nil, joint
	}
	return l.load(l.most(alone, l.loads))
}

// most returns the longest beginning of ids that try accepts, of which one alone
// is acceptable. It refuses the others.
func (l loading) most(ids []plan.ID, try func([]plan.ID) error) []plan.ID {
	joint := try(ids)
	if joint == nil {
		return ids
	}
	n := sort.Search(len(ids)-1, func(i int) bool { return try(ids[:i+2]) != nil }) + 1
	for _, id := range ids[n:] {
		l.refused[id] = fmt.Sprintf("too much together with the other policies: %v", reasonOf(joint))
	}
	return ids[:n]
}

// loads tries to load the rules of ids.
func (l loading) loads(ids []plan.ID) error {
	matchers, err := l.load(ids)
	closeAll(matchers)
	return err
}

// compile tries to compile the rules of ids.
func (l loading) compile(ids []plan.ID) error {
	for _, p := range l.way.Points {
		if _, err := l.code(p, ids); err != nil {
			return err
		}
	}
	return nil
}

// compiles returns why the rules of a counter cannot be compiled.
func (l loading) compiles(id plan.ID) error {
	size := 0
	for _, p := range l.way.Points {
		body, err := l.code(p, []plan.ID{id})
		if err != nil {
			return err
		}
		size = max(size, len(body))
	}
	if size > maxInstructions {
		return errTooLarge
	}
	return nil
}

// code returns the code of the rules of ids at a point.
func (l loading) code(p plan.Point, ids []plan.ID) (asm.Instructions, error) {
	return match.Compile(l.input(p, ids))
}

// waiting returns the keys of what those rules remember.
func (l loading) waiting(p plan.Point, ids []plan.ID) ([]uint64, error) {
	keys, err := match.Waiting(l.input(p, ids))
	return slices.DeleteFunc(keys, func(key uint64) bool { return key == 0 }), err
}

func (l loading) input(p plan.Point, ids []plan.ID) match.Input {
	slots := map[plan.ID]uint32{}
	for _, id := range ids {
		slots[id] = l.in.slots[id]
	}
	return match.Input{
		Guard:          p.Guard,
		Rules:          p.MatchRules(slots),
		Binaries:       l.in.binaries,
		Descents:       l.lineage.descents(),
		Changes:        l.lineage.changes(),
		HostNamespaces: l.hostNS,
		Exit:           p.Exit,
		Scopes:         l.scopes.wanted,
	}
}

// load loads the matchers of all points with the rules of ids. The points that
// run the same code already need none.
func (l loading) load(ids []plan.ID) (matchers []*matcher, err error) {
	defer func() {
		if err != nil {
			closeAll(matchers)
			matchers = nil
		}
	}()
	running := l.attached[l.in.hook.Key()]
	for _, p := range l.way.Points {
		body, err := l.code(p, ids)
		if err != nil {
			return matchers, fmt.Errorf("compile selectors: %w", err)
		}
		m := &matcher{code: fmt.Sprint(body)}
		matchers = append(matchers, m)
		if m.waiting, err = l.waiting(p, ids); err != nil {
			return matchers, fmt.Errorf("compile selectors: %w", err)
		}
		if at := running.point(pointName(l.way.Kind, p)); at != nil && at.code == m.code {
			continue
		}
		if m.program, err = l.loadMatcher(l.way.Kind, p, body); err != nil {
			return matchers, fmt.Errorf("load matcher: %w", err)
		}
	}
	return matchers, nil
}

func (k *Kernel) loadMatcher(kind plan.Kind, p plan.Point, body asm.Instructions) (*ebpf.Program, error) {
	t := templateOf(kind)
	return k.loadProgram(t, t.matchAt(p), p, body, nil)
}

// loadNothing loads a matcher that counts nothing.
func (k *Kernel) loadNothing(kind plan.Kind, p plan.Point) (*ebpf.Program, error) {
	body, err := match.Compile(match.Input{})
	if err != nil {
		return nil, err
	}
	return k.loadMatcher(kind, p, body)
}

// blamesCode says whether an error can be due to the rules: the verifier refused
// the program.
func blamesCode(err error) bool {
	var verifier *ebpf.VerifierError
	return errors.As(err, &verifier)
}

func (k *Kernel) logVerifier(h plan.Hook, way plan.Attach, err error) {
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		k.log.Error("verifier refused a program", "hook", h.Label, "attach", way.String(), "err", fmt.Sprintf("%+v", err))
	}
}
