// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
)

// notesMap is a map that only the agent uses. Key: UID of a pod. Value: what the
// next agent should know of it. Written by SetNote, read at start. When full, the
// next agent has to be told by the API server; there is room for as many as there
// are numbers for.
const notesMap = "notes"

// noteSize is the longest note, in bytes.
const noteSize = 1024

func notesSpec(pods *ebpf.MapSpec) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name:       notesMap,
		Type:       ebpf.Hash,
		KeySize:    pods.KeySize,
		ValueSize:  noteSize,
		MaxEntries: pods.MaxEntries,
		Flags:      1, // BPF_F_NO_PREALLOC: most nodes have few pods, and no program waits for it
	}
}

// Notes returns what SetNote kept about pods, by UID.
func (k *Kernel) Notes() (map[string]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	notes := map[string]string{}
	var key bpf.PodKey
	var value [noteSize]byte
	entries := k.maps.byName[notesMap].Iterate()
	for entries.Next(&key, &value) {
		notes[uidOf(key)] = string(bytes.TrimRight(value[:], "\x00"))
	}
	if err := entries.Err(); err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	return notes, nil
}

// SetNote keeps a text about a pod for the next agent.
func (k *Kernel) SetNote(uid, text string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := podKey(uid)
	if err != nil {
		return err
	}
	var value [noteSize]byte
	if len(text) > len(value) {
		return fmt.Errorf("note about pod %s: %d bytes, at most %d are kept", uid, len(text), len(value))
	}
	copy(value[:], text)
	if err := k.maps.byName[notesMap].Put(key, value); err != nil {
		return fmt.Errorf("set note about pod %s: %w", uid, err)
	}
	return nil
}

// DeleteNote deletes it. It is no error if there is none.
func (k *Kernel) DeleteNote(uid string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := podKey(uid)
	if err != nil {
		return err
	}
	if err := k.maps.byName[notesMap].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete note about pod %s: %w", uid, err)
	}
	return nil
}
