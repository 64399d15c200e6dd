// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload/kube"
	"github.com/tetrameter/tetrameter/policies"
)

// applicationPrefix begins the names of policies for applications, which ship
// with the agent and are read like files.
const applicationPrefix = "application:"

// policySet reads policies from their sources and remembers, for each file, the
// last version that was good: a file that breaks keeps counting as it did.
type policySet struct {
	standard  fs.FS           // nil when switched off
	switches  map[string]bool // which of them are on or off whatever they say
	files     []string
	dirs      []string
	variables variables
	log       *slog.Logger

	mu         sync.Mutex
	known      map[string]*policyFile // by path
	objects    map[string]kube.Policy // custom resources, by objectPath
	states     []collector.PolicyState
	loadErrors uint64
	hash       string
}

// policyFile is one file as it was last seen.
type policyFile struct {
	data string
	good *policy.Policy // nil if no version was good
	err  error
	// rival is the file whose policy has the same name and is in force.
	rival string
	// shipped says that it came with the agent and gives way to a file of the
	// operator with the same policy name.
	shipped bool
}

// load reads all sources and returns the policies in force.
func (s *policySet) load() []*policy.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.known
	s.known = map[string]*policyFile{}
	if s.standard != nil {
		s.loadShipped(before)
	}
	for _, path := range s.files {
		s.loadFile(path, before)
	}
	for _, dir := range s.dirs {
		s.loadDir(dir, before)
	}
	s.loadObjects(before)
	return s.inForce()
}

func (s *policySet) loadShipped(before map[string]*policyFile) {
	err := fs.WalkDir(s.standard, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isPolicyFile(d.Name()) {
			return err
		}
		data, err := fs.ReadFile(s.standard, path)
		s.add("standard:"+path, data, err, s.parseShipped, before)
		s.known["standard:"+path].shipped = true
		return nil
	})
	if err != nil {
		s.fail("standard policies", err)
	}
}

func (s *policySet) loadFile(path string, before map[string]*policyFile) {
	path = filepath.Clean(path)
	data, err := readPolicy(path)
	s.add(path, data, err, s.variables.parse, before)
}

// readPolicy reads a regular file, and not more of it than a policy may have:
// the rest would be refused anyway.
func readPolicy(path string) ([]byte, error) {
	if name, ok := strings.CutPrefix(path, applicationPrefix); ok {
		return readApplication(name)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return io.ReadAll(io.LimitReader(f, policy.MaxFileSize+1))
}

// readApplication reads a policy that ships with the agent.
func readApplication(name string) ([]byte, error) {
	shipped, file := policies.Application(), name+".yaml"
	files, err := fs.Glob(shipped, "*.yaml")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(files, file) {
		names := strings.ReplaceAll(strings.Join(files, ", "), ".yaml", "")
		return nil, fmt.Errorf("no policy %s%s, expected one of %s", applicationPrefix, name, names)
	}
	return fs.ReadFile(shipped, file)
}

func (s *policySet) loadDir(dir string, before map[string]*policyFile) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.fail(dir, err)
		// The directory may be away for a moment: keep what came from it.
		for path, f := range before {
			if filepath.Dir(path) == filepath.Clean(dir) {
				s.known[path] = f
			}
		}
		return
	}
	for _, e := range entries {
		if isPolicyFile(e.Name()) {
			s.loadFile(filepath.Join(dir, e.Name()), before)
		}
	}
}

func isPolicyFile(name string) bool {
	ext := filepath.Ext(name)
	return !strings.HasPrefix(name, ".") && (ext == ".yaml" || ext == ".yml" || ext == ".json")
}

// parser makes a policy of the content of a file.
type parser func(path string, data []byte) (*policy.Policy, error)

// add parses a file unless it is the same as before.
func (s *policySet) add(path string, data []byte, err error, parse parser, before map[string]*policyFile) {
	old := before[path]
	if old == nil {
		old = &policyFile{}
	} else if err == nil && old.data == string(data) && !unread(old.err) ||
		err != nil && old.err != nil && old.err.Error() == err.Error() {
		s.known[path] = old
		return
	}
	f := &policyFile{data: string(data), good: old.good, rival: old.rival}
	s.known[path] = f
	if err == nil {
		var p *policy.Policy
		if p, err = parse(path, data); err == nil {
			f.good = p
			s.logIgnored(p)
		}
	}
	if f.err = err; err != nil {
		s.fail(path, err)
	}
}

// logIgnored prints the parts of a policy that have no effect.
func (s *policySet) logIgnored(p *policy.Policy) {
	for _, n := range p.Ignored {
		s.log.Info("part of a policy has no effect", "policy", p.Name, "at", n.Pos.String(), "field", n.Path, "reason", n.Text)
	}
}

// unread says that a file could not even be read.
func unread(err error) bool {
	var problems policy.Errors
	return err != nil && !errors.As(err, &problems)
}

// fail counts and reports a file that could not be loaded.
func (s *policySet) fail(path string, err error) {
	s.loadErrors++
	var problems policy.Errors
	if !errors.As(err, &problems) {
		s.log.Error("load policy", "file", path, "err", err)
		return
	}
	for _, p := range problems {
		s.log.Error("load policy", "err", p)
	}
}

// inForce returns the good policies, each name once.
func (s *policySet) inForce() []*policy.Policy {
	type key struct{ namespace, name string }
	from := map[key]string{}
	for _, path := range s.paths() {
		f := s.known[path]
		if f.good == nil {
			continue
		}
		k := key{f.good.Namespace, f.good.Name}
		other, taken := from[k]
		if taken && !s.known[other].shipped {
			if f.rival != other {
				s.fail(path, fmt.Errorf("%v: policy %s is already defined in %s", f.good.Pos, f.good.Name, other))
			}
			f.rival = other
			continue
		}
		from[k], f.rival = path, ""
	}
	var loaded []*policy.Policy
	for _, path := range s.paths() {
		if f := s.known[path]; f.good != nil && from[key{f.good.Namespace, f.good.Name}] == path {
			loaded = append(loaded, f.good)
		}
	}
	return loaded
}

// paths returns the known files in the order in which they have a name: those
// that came with the agent, whose names others may take, those of the operator of
// the node, and custom resources.
func (s *policySet) paths() []string {
	var paths []string
	for path := range s.known {
		paths = append(paths, path)
	}
	sort.Slice(paths, func(i, j int) bool {
		a, b := s.known[paths[i]], s.known[paths[j]]
		if a.shipped != b.shipped {
			return a.shipped
		}
		if object := isObject(paths[i]); object != isObject(paths[j]) {
			return !object
		}
		return paths[i] < paths[j]
	})
	return paths
}

// setStates records the states of the policies in force.
func (s *policySet) setStates(states []collector.PolicyState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states, s.hash = states, s.digest()
	for path, f := range s.known {
		if f.err != nil && f.good == nil {
			name := s.nameOf(path)
			reason, _, _ := strings.Cut(f.err.Error(), "\n")
			s.states = append(s.states, collector.PolicyState{
				Policy: name.name, Namespace: name.namespace, State: collector.LoadError, Reason: reason,
			})
		}
	}
}

// nameOf is what a file is called whose policy never was good.
func (s *policySet) nameOf(path string) policyKey {
	if isObject(path) {
		return policyKey{s.objects[path].Namespace, s.objects[path].Name}
	}
	name := strings.TrimPrefix(filepath.Base(path), applicationPrefix)
	return policyKey{name: strings.TrimSuffix(name, filepath.Ext(path))}
}

// States implements collector.Policies. A file that never was good is a policy
// named as the file.
func (s *policySet) States() []collector.PolicyState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states
}

// LoadErrors implements collector.Policies.
func (s *policySet) LoadErrors() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loadErrors
}
