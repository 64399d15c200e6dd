// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Compile returns the instructions of evaluate. They take the event in R1,
// call the functions of bpf/evaluate.h by name, and return 0. The first
// instruction carries no symbol: the caller moves the one of the function it
// replaces. Compile returns ErrNoArgument and ErrUnsupported, wrapped with the
// place of the filter, and ErrTooLong.
//
// What a function returns is known when it returns. Without Exit, Compile gives
// the half that runs when it is called: selectors without filters on the
// result count, and the others are remembered if their other filters pass. With
// Exit it gives the other half, which tests the remembered ones.
func Compile(in Input) (asm.Instructions, error) {
	c := &code{}
	end := c.label()
	c.emit(asm.Mov.Reg(event, asm.R1))
	if in.Guard != nil && !in.Exit {
		in.Guard.compile(c, end)
	}
	keys, err := Waiting(in)
	if err != nil {
		return nil, err
	}
	compile := compileEntry
	if in.Exit {
		compile = compileExit
	}
	for i, rule := range in.Rules {
		if err := compile(c, builder{rule, in, keys[i]}); err != nil {
			return nil, err
		}
	}
	c.place(end)
	c.emit(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return c.link()
}

// compileEntry counts the event once if one of the rule's selectors matches
// already, and remembers those which may match later.
//
// Nothing but the event outlives a rule. Where two ways meet the verifier looks
// at what follows once for each thing it knows of what is still used, so the
// work would double with every rule.
func compileEntry(c *code, b builder) error {
	late := NeedsReturn(b.rule.Selectors)
	if late {
		if len(b.rule.Selectors) > waitingMax {
			return fmt.Errorf("%v: more than %d selectors with matchReturnArgs: %w",
				b.rule.Selectors[waitingMax].Pos, waitingMax, ErrUnsupported)
		}
		clearWaiting(c)
	}
	matched, next := c.label(), c.label()
	within, err := b.scope(b.rule.Scope)
	if err != nil {
		return err
	}
	within.compile(c, next)
	for _, i := range readyFirst(b.rule.Selectors) {
		conditions, err := b.entry(b.rule.Selectors[i])
		if err != nil {
			return err
		}
		failed := c.label()
		compileAll(c, conditions, failed)
		if len(b.rule.Selectors[i].Return) > 0 {
			setWaiting(c, i)
		} else {
			b.seeChanges(c, b.rule.Selectors[i], failed)
			c.jump(matched)
		}
		c.place(failed)
	}
	if len(b.rule.Selectors) > 0 {
		c.jump(next)
	}
	count(c, b.rule, matched, next)
	if late {
		b.seeWaiting(c)
		keepWaiting(c, b.waiting)
	}
	return nil
}

// compileExit counts the event once if one of the remembered selectors matches.
func compileExit(c *code, b builder) error {
	if !NeedsReturn(b.rule.Selectors) {
		return nil
	}
	matched, next := c.label(), c.label()
	fetchWaiting(c, b.waiting, next)
	for i, s := range b.rule.Selectors {
		if len(s.Return) == 0 {
			continue
		}
		conditions, err := b.exit(s)
		if err != nil {
			return err
		}
		failed := c.label()
		compileAll(c, append([]condition{waiting(i)}, conditions...), failed)
		c.jump(matched)
		c.place(failed)
	}
	c.jump(next)
	count(c, b.rule, matched, next)
	return nil
}

// compileAll goes on if all conditions of a selector hold.
func compileAll(c *code, conditions []condition, failed label) {
	c.boundary()
	for _, condition := range conditions {
		condition.compile(c, failed)
	}
}

// count counts the event where it matched, and goes on with the next rule.
func count(c *code, rule Rule, matched, next label) {
	c.place(matched)
	c.call("count", asm.Mov.Imm(asm.R2, int32(rule.Slot)))
	c.place(next)
	c.boundary()
}

// readyFirst gives the positions of selectors, those first that do not wait for
// the return: if one matches, the others do not matter.
func readyFirst(selectors []policy.Selector) []int {
	var ready, late []int
	for i, s := range selectors {
		if len(s.Return) > 0 {
			late = append(late, i)
		} else {
			ready = append(ready, i)
		}
	}
	return append(ready, late...)
}
