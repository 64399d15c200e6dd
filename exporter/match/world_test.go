// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Offsets and sizes of struct event and struct scratch_value.
const (
	eventReturn  = 48
	eventAddress = 56
	eventSize    = 72
	textValue    = 24 // before the data
	textData     = 4096
	textSlack    = 264
	textNeedle   = textValue + textData + textSlack
	needleSize   = 256
)

// world is what the functions of bpf/evaluate.h find: an event, and what leads
// to its values.
type world struct {
	event    reference.Event
	binaries map[string]uint32
	unnamed  bool // there is no room for names of executables
	crowded  bool // there is no room to read a text
	userWord func(address uint64) uint64
	garbage  *rand.Rand
	words    map[request]uint64 // memory and fields of the record
	exit     bool               // the function has returned

	functions map[string]function

	descents   map[uint64]uint32               // match.Input
	changes    map[uint32]uint32               // likewise
	seen       map[uint32]reference.Privileges // by the numbers in changes
	verdicts   map[[2]uint64]uint64
	remembered map[uint64]uint64
	counted    map[uint32]int
	trace      []string // the functions that were called

	address bool // sock_address has filled the event
	memo    [eventSize]byte
	text    [textNeedle + needleSize]byte
}

// request is a question about a value that is not in a register.
type request struct {
	function string
	place    uint64
	size     uint64
}

func newWorld(e reference.Event, garbage *rand.Rand) world {
	w := world{
		event: e, garbage: garbage, words: map[request]uint64{}, functions: functions(),
		verdicts: map[[2]uint64]uint64{}, remembered: map[uint64]uint64{}, seen: map[uint32]reference.Privileges{}, counted: map[uint32]int{},
	}
	for i, arg := range e.Args {
		binary.LittleEndian.PutUint64(w.memo[8*i:], arg)
	}
	binary.LittleEndian.PutUint64(w.memo[eventReturn:], e.Return)
	return w
}

func (w *world) memory(k kind) []byte {
	if k == inEvent {
		return w.memo[:]
	}
	return w.text[:]
}

// readable says whether the programs that make events write these bytes.
func (w *world) readable(begin, size int) bool {
	end := begin + size
	switch {
	case begin%size != 0:
		return false
	case begin >= eventAddress:
		return w.address && end <= eventSize
	case begin >= eventReturn:
		return w.exit && end <= eventAddress
	}
	return !w.exit && end <= 8*len(w.event.Args)
}

// call executes a function. What it clobbers cannot be read any more.
func (m *machine) call(name string) error {
	f, ok := m.functions[name]
	if !ok {
		return fmt.Errorf("function %q does not exist", name)
	}
	if first := m.registers[asm.R1]; first.kind != inEvent || first.value != 0 {
		return fmt.Errorf("the first parameter of %s is not the event", name)
	}
	parameters := make([]uint64, f.parameters)
	for i := range parameters {
		w, err := m.get(asm.R2 + asm.Register(i))
		if err != nil {
			return err
		}
		if w.kind != scalar {
			return fmt.Errorf("parameter %d of %s is a pointer", i+2, name)
		}
		parameters[i] = w.value
	}
	m.trace = append(m.trace, name)
	result, err := f.body(&m.world, parameters)
	for r := asm.R1; r <= asm.R5; r++ {
		m.registers[r] = word{}
	}
	m.registers[asm.R0] = unknown(result)
	if name == "text" {
		m.registers[asm.R0] = word{kind: inText, nullable: true, null: m.crowded}
	}
	if f.narrow {
		m.registers[asm.R0].value = result&0xffff_ffff | m.garbage.Uint64()<<32
	}
	return err
}

// function is one of bpf/evaluate.h.
type function struct {
	parameters int  // after the event
	narrow     bool // the upper half of the result is not defined
	body       func(w *world, p []uint64) (uint64, error)
}

func functions() map[string]function {
	return map[string]function{
		"count":                {1, true, func(w *world, p []uint64) (uint64, error) { w.counted[uint32(p[0])]++; return 0, nil }},
		"binary":               {0, true, func(w *world, _ []uint64) (uint64, error) { return w.id(w.event.Binary) }},
		"parent_binary":        {0, true, func(w *world, _ []uint64) (uint64, error) { return w.id(w.event.Parent) }},
		"in_scope":             {1, true, (*world).inScope},
		"capabilities":         {1, false, (*world).capabilities},
		"namespace_inode":      {1, true, (*world).namespace},
		"user_word":            {1, false, func(w *world, p []uint64) (uint64, error) { return w.userWord(p[0]), nil }},
		"kernel_word":          {2, false, asks("kernel_word")},
		"context_word":         {2, false, asks("context_word")},
		"context_address":      {1, false, asks("context_address")},
		"context_location":     {1, false, asks("context_location")},
		"syscall_id":           {1, false, asks("syscall_id")},
		"current_task":         {0, false, func(*world, []uint64) (uint64, error) { return currentTask, nil }},
		"text":                 {3, false, (*world).readText},
		"contains":             {2, true, (*world).contains},
		"file_type":            {2, true, (*world).fileType},
		"sock_word":            {2, false, (*world).sockWord},
		"sock_address":         {2, true, (*world).sockAddress},
		"capability_word":      {2, false, (*world).capabilityWord},
		"pid":                  {1, true, (*world).pid},
		"descends":             {2, true, (*world).descends},
		"verdict":              {2, true, (*world).verdict},
		"set_verdict":          {3, true, (*world).setVerdict},
		"executed":             {2, true, (*world).executed},
		"changed_namespaces":   {2, true, (*world).changedNamespaces},
		"changed_capabilities": {2, false, (*world).changedCapabilities},
		"see_changes":          {2, true, (*world).seeChanges},
		"remember":             {2, true, (*world).remember},
		"recall":               {1, false, (*world).recall},
	}
}

// currentTask is the address of the current task.
const currentTask = 0xffff_9000_0000_0000

func asks(function string) func(w *world, p []uint64) (uint64, error) {
	return func(w *world, p []uint64) (uint64, error) {
		r := request{function: function, place: p[0]}
		if len(p) > 1 {
			r.size = p[1]
		}
		v, ok := w.words[r]
		if !ok {
			return 0, fmt.Errorf("%+v is not asked for", r)
		}
		return v, nil
	}
}

func (w *world) object(value uint64) (reference.Object, error) {
	o, ok := w.event.Objects[value]
	if !ok {
		return o, fmt.Errorf("%#x stands for nothing", value)
	}
	return o, nil
}

// fill puts a string somewhere into the buffer, between what another may have
// left there.
func (w *world) fill(s string) {
	for i := range w.text[:textNeedle] {
		w.text[i] = "/ab/abb\xff"[w.garbage.Uint32()%8]
	}
	begin := 0
	switch free := textData - len(s); w.garbage.Uint32() % 3 {
	case 0:
		begin = free
	case 1:
		begin = w.garbage.IntN(free + 1)
	}
	binary.LittleEndian.PutUint32(w.text[16:], uint32(begin))
	binary.LittleEndian.PutUint32(w.text[20:], uint32(len(s)))
	copy(w.text[textValue+begin:], s)
}

func mapped(a netip.Addr) (high, low uint64) {
	bytes := a.As16()
	return binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:])
}

func capabilitySets() []policy.CapabilitySet {
	return []policy.CapabilitySet{policy.Effective, policy.Inheritable, policy.Permitted}
}

func namespaces() []policy.Namespace {
	return []policy.Namespace{
		policy.Uts, policy.Ipc, policy.Mnt, policy.Pid, policy.PidForChildren,
		policy.Net, policy.Time, policy.TimeForChildren, policy.Cgroup, policy.User,
	}
}
