// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// id is that of an executable.
func (w *world) id(path string) (uint64, error) {
	switch {
	case path == "":
		return 0, nil
	case w.unnamed:
		return 1, nil
	}
	return uint64(w.binaries[path]), nil
}

func (w *world) capabilities(p []uint64) (uint64, error) {
	return w.event.Capabilities[capabilitySets()[p[0]]], nil
}

func (w *world) namespace(p []uint64) (uint64, error) {
	return uint64(w.event.Namespaces[namespaces()[p[0]]]), nil
}

// kindOf is the kind of text that values of a type are, as bpf/kinds.h numbers
// them.
func kindOf(t policy.Type) uint64 {
	return map[policy.Type]uint64{
		"string": 0, "char_buf": 0, "data_loc": 0, "filename": 1, "fd": 2, "file": 3, "path": 4, "dentry": 5,
		"linux_binprm": 6, "net_device": 7, "sockaddr_un": 8, "kiocb": 9, "module": 13, "load_info": 14, "char_iovec": 15,
	}[t]
}

const (
	kindBytes  = 10
	kindExe    = 11
	kindParent = 12
)

func (w *world) readText(p []uint64) (uint64, error) {
	value, kind, size := p[0], p[1], uint32(p[2])
	switch {
	case kind == kindExe && value == 0:
		w.fill(w.event.Binary)
		return 0, nil
	case kind == kindParent && value == 0:
		w.fill(w.event.Parent)
		return 0, nil
	}
	o, err := w.object(value)
	switch {
	case err != nil:
		return 0, err
	case kind == kindBytes && o.Type == "char_buf":
		w.fill(o.Text[:min(int(size), len(o.Text))])
	case kind == kindOf(o.Type):
		w.fill(o.Text)
	default:
		return 0, fmt.Errorf("a %s is read as kind %d", o.Type, kind)
	}
	return 0, nil
}

// contains searches the text for the needle, of which the words are written and
// the rest of the last one is zero.
func (w *world) contains(p []uint64) (uint64, error) {
	begin, length := binary.LittleEndian.Uint32(w.text[16:]), binary.LittleEndian.Uint32(w.text[20:])
	text := string(w.text[textValue+begin : textValue+begin+length])
	size := int(p[0])
	needle := string(w.text[textNeedle : textNeedle+size])
	for i := size; i%8 != 0; i++ {
		if w.text[textNeedle+i] != 0 {
			return 0, fmt.Errorf("a needle of %d bytes is not padded", size)
		}
	}
	if p[1] != 0 {
		folded := []byte(text)
		for i, c := range folded {
			if 'A' <= c && c <= 'Z' {
				folded[i] += 'a' - 'A'
			}
		}
		text = string(folded)
	}
	if strings.Contains(text, needle) {
		return 1, nil
	}
	return 0, nil
}

func (w *world) fileType(p []uint64) (uint64, error) {
	o, err := w.object(p[0])
	if err == nil && p[1] != kindOf(o.Type) {
		err = fmt.Errorf("a %s is asked as kind %d", o.Type, p[1])
	}
	return o.FileType, err
}

// socketAs finds a socket and checks what it is taken for.
func (w *world) socketAs(value, source uint64) (reference.Object, error) {
	o, err := w.object(value)
	sources := map[policy.Type]uint64{"sock": 0, "skb": 1, "sockaddr": 2, "sockaddr_un": 2, "socket": 3}
	if want, ok := sources[o.Type]; err == nil && (!ok || want != source) {
		err = fmt.Errorf("a %s is asked as source %d", o.Type, source)
	}
	return o, err
}

func (w *world) sockWord(p []uint64) (uint64, error) {
	o, err := w.socketAs(p[0], p[1]>>8)
	switch p[1] & 0xff {
	case 0:
		return o.Family, err
	case 2:
		return o.Protocol, err
	case 3:
		return o.State, err
	case 4:
		return o.SourcePort, err
	case 5:
		return o.DestPort, err
	}
	return 0, fmt.Errorf("no field %d", p[1]&0xff)
}

func (w *world) sockAddress(p []uint64) (uint64, error) {
	o, err := w.socketAs(p[0], p[1]>>8)
	a := o.Source
	if p[1]&0xff == 1 {
		a = o.Dest
	}
	w.address = a.IsValid()
	if !w.address {
		return 0, err
	}
	high, low := mapped(a)
	binary.LittleEndian.PutUint64(w.memo[eventAddress:], high)
	binary.LittleEndian.PutUint64(w.memo[eventAddress+8:], low)
	return 1, err
}

func (w *world) capabilityWord(p []uint64) (uint64, error) {
	o, err := w.object(p[0])
	if cred := o.Type == "cred"; err == nil && cred != (p[1] == 1) {
		err = fmt.Errorf("a %s is asked as holder %d", o.Type, p[1])
	}
	return o.Capabilities, err
}

func (w *world) pids(flags uint64) []uint32 {
	if flags == 1 {
		return w.event.NamespacePIDs
	}
	return w.event.PIDs
}

func (w *world) pid(p []uint64) (uint64, error) {
	return uint64(w.pids(p[0])[0]), nil
}

func (w *world) descends(p []uint64) (uint64, error) {
	if slices.Contains(w.pids(p[1]), uint32(p[0])) {
		return 1, nil
	}
	return 0, nil
}

func (w *world) verdict(p []uint64) (uint64, error) {
	return w.verdicts[[2]uint64{p[0], uint64(uint32(p[1]))}], nil
}

// setVerdict does not keep what is said of an id that stands for many.
func (w *world) setVerdict(p []uint64) (uint64, error) {
	key := [2]uint64{p[0], uint64(uint32(p[1]))}
	if v := p[2]; v != 1 && v != 2 || w.verdicts[key] != 0 {
		return 0, fmt.Errorf("verdict %d after %d", v, w.verdicts[key])
	}
	if key[1] != 1 {
		w.verdicts[key] = p[2]
	}
	return 0, nil
}

func (w *world) remember(p []uint64) (uint64, error) {
	w.remembered[p[0]] = p[1]
	return 0, nil
}

func (w *world) recall(p []uint64) (uint64, error) {
	bits := w.remembered[p[0]]
	delete(w.remembered, p[0])
	return bits, nil
}
