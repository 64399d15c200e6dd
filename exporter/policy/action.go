// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Parameters returns the fields that an action can have.
func Parameters(k ActionKind) []string {
	switch k {
	case Post:
		return []string{"rateLimit", "rateLimitScope", "kernelStackTrace", "userStackTrace", "imaHash"}
	case Signal:
		return []string{"argSig"}
	case Override:
		return []string{"argError", "argRegs", "argNewSymbol", "argNewAddr", "argNewOffset"}
	case GetURL:
		return []string{"argUrl"}
	case DNSLookup:
		return []string{"argFqdn"}
	case TrackSock, UntrackSock:
		return []string{"argSock"}
	case NotifyEnforcer:
		return []string{"argError", "argSig"}
	case Set:
		return []string{"argIndex", "argValue"}
	}
	return nil
}

// allParameters are those of any action.
func allParameters() []string {
	var all []string
	for _, kind := range actionKinds() {
		all = append(all, Parameters(kind)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (d *decoder) actions(v value, h *Hook) []Action {
	elements := d.list(v, MaxActions, "actions")
	return each(elements, func(v value) Action { return d.action(v, h) })
}

// action decodes an entry of matchActions or matchReturnActions of a hook.
func (d *decoder) action(v value, h *Hook) Action {
	a := Action{Pos: d.pos(v)}
	fields := d.object(v, shape{required: []string{"action"}, optional: allParameters()})
	if fields == nil {
		return a
	}
	d.parameters(&a, fields)
	if kind := fields["action"]; kind.node != nil {
		a.Kind = d.actionKind(kind, h.Section)
	}
	if a.Kind == "" {
		return a
	}
	for _, name := range allParameters() {
		if field := fields[name]; field.given() && !slices.Contains(Parameters(a.Kind), name) {
			d.errorf(field, "%s is not a parameter of %s", name, a.Kind)
		}
	}
	d.checkAction(a, v, fields, h)
	return a
}

// actionKind reads an action that hooks of the section can have.
func (d *decoder) actionKind(v value, section Section) ActionKind {
	word := ActionKind(v.node.Value)
	switch {
	case slices.Contains(removedActions(), word):
		d.errorf(v, "action %s is not part of the format any more", word)
	case !slices.Contains(actionKinds(), word):
		choose(d, v, "action", Actions(section))
	case !slices.Contains(Actions(section), word):
		d.errorf(v, "action %s is not available in %s, expected %s", word, section, alternatives(texts(Actions(section))))
	default:
		return word
	}
	return ""
}

// parameters decodes the fields of all actions.
func (d *decoder) parameters(a *Action, fields map[string]value) {
	if limit := fields["rateLimit"]; limit.given() {
		a.RateLimit = d.rateLimit(limit)
	}
	if scope := fields["rateLimitScope"]; scope.given() {
		a.RateLimitScope, _ = choose(d, scope, "scope", []string{"thread", "process", "global"})
	}
	a.KernelStack = d.boolean(fields["kernelStackTrace"], false)
	a.UserStack = d.boolean(fields["userStackTrace"], false)
	a.IMAHash = d.boolean(fields["imaHash"], false)
	number := func(name string, low, high int64) int64 {
		i, _ := d.integer(fields[name], low, high)
		return i
	}
	a.ArgError = int32(number("argError", math.MinInt32, math.MaxInt32))
	a.ArgSig = uint32(number("argSig", 0, maxSignal))
	a.ArgSock = uint32(number("argSock", 0, MaxFieldIndex))
	a.ArgIndex = uint32(number("argIndex", 0, MaxRawIndex))
	a.ArgValue = uint32(number("argValue", 0, math.MaxUint32))
	a.ArgURL = d.text(fields["argUrl"])
	a.ArgFQDN = d.text(fields["argFqdn"])
	a.ArgRegs = each(d.list(fields["argRegs"], maxRegisters, "registers"), d.register)
	a.ArgNewSymbol = d.text(fields["argNewSymbol"])
	a.ArgNewAddr = d.address(fields["argNewAddr"])
	a.ArgNewOffset = d.address(fields["argNewOffset"])
}

const (
	maxSignal    = 64 // SIGRTMAX of uapi/asm-generic/signal.h
	maxRegisters = 32
)

// checkAction checks what the parameters of an action refer to.
func (d *decoder) checkAction(a Action, v value, fields map[string]value, h *Hook) {
	switch a.Kind {
	case Post:
		if h.Section == LSMHooks && (a.KernelStack || a.UserStack) {
			d.errorf(v, "hooks of lsmhooks have no stack traces")
		}
	case Signal:
		if !fields["argSig"].given() {
			d.errorf(v, "action Signal needs argSig: 1 to %d", maxSignal)
		}
	case Override:
		d.checkOverride(v, fields, h)
	case GetURL:
		address, err := url.Parse(a.ArgURL)
		if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
			d.errorf(v, "action GetUrl needs argUrl: an address that begins with http:// or https://")
		}
	case DNSLookup:
		if !isSubdomain(strings.ToLower(strings.TrimSuffix(a.ArgFQDN, "."))) {
			d.errorf(v, "action DnsLookup needs argFqdn: the name of a domain")
		}
	case TrackSock, UntrackSock:
		socks := func(arg Arg) bool { return arg.Index == int(a.ArgSock) && arg.Type == "sock" }
		if !slices.ContainsFunc(h.Args, socks) {
			d.errorf(v, "argument %d (argSock) is not declared with type sock in the args of the hook", a.ArgSock)
		}
	case NotifyEnforcer:
		if !d.enforcer {
			d.errorf(v, "action NotifyEnforcer needs spec.enforcers")
		}
	case Set:
		if int(a.ArgIndex) >= len(h.Args) {
			d.errorf(v, "position %d (argIndex) is not among the %d args of the hook", a.ArgIndex, len(h.Args))
		}
	}
}

// checkOverride checks where the overridden function continues, which only a
// uprobe can choose.
func (d *decoder) checkOverride(v value, fields map[string]value, h *Hook) {
	targets := 0
	for _, name := range []string{"argNewSymbol", "argNewAddr", "argNewOffset"} {
		if fields[name].given() {
			targets++
		}
	}
	if h.Section != Uprobes && (targets > 0 || fields["argRegs"].given()) {
		d.errorf(v, "only uprobes have argRegs, argNewSymbol, argNewAddr and argNewOffset: expected argError alone")
	} else if targets > 1 {
		d.errorf(v, "expected at most one of argNewSymbol, argNewAddr and argNewOffset, found %d", targets)
	}
}

// register reads an assignment to a register: rax=11, rip=8(%rsp).
func (d *decoder) register(v value) string {
	text, ok := d.textOK(v)
	name, expression, assigned := strings.Cut(text, "=")
	if ok && (!assigned || !isIdentifier(name) || !isRegisterValue(expression)) {
		d.errorf(v, "%s does not set a register: expected REGISTER=VALUE, where VALUE is a number, %%rsp, 8%%rsp, "+
			"(%%rsp) or 8(%%rsp)", quote(text))
	}
	return text
}

// isRegisterValue accepts a number, a register with or without a number before
// it, and the same in parentheses.
func isRegisterValue(s string) bool {
	digits, register, found := strings.Cut(s, "%")
	if !found {
		_, err := strconv.ParseInt(s, 0, 64)
		return err == nil
	}
	if inner, ok := strings.CutSuffix(register, ")"); ok {
		if digits, ok = strings.CutSuffix(digits, "("); !ok {
			return false
		}
		register = inner
	}
	_, err := strconv.ParseInt(digits, 0, 64)
	return isIdentifier(register) && (digits == "" || err == nil)
}

// rateLimit reads an interval in seconds.
func (d *decoder) rateLimit(v value) uint64 {
	text, ok := d.scalar(v)
	if !ok {
		return 0
	}
	digits, unit := strings.ToLower(text), uint64(1)
	if last := len(digits) - 1; last >= 0 {
		switch digits[last] {
		case 's':
			digits = digits[:last]
		case 'm':
			digits, unit = digits[:last], 60
		case 'h':
			digits, unit = digits[:last], 3600
		}
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		d.errorf(v, "%s is not a rate limit: a number of seconds, or of minutes (5m) or hours (5h)", quote(text))
	}
	return n * unit
}
