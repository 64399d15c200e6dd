// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// userSites returns where in a file a hook of Uprobes or USDTs is.
func (h *Hook) userSites(kernel Kernel) ([]site, error) {
	file, err := kernel.Executable(h.Path)
	if err != nil {
		return nil, err
	}
	if h.Section == policy.USDTs {
		return h.probeSites(file, kernel)
	}
	offset, err := offsetOf(h.Symbol, file)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", h.Symbol, h.Path, err)
	}
	at := UserPoint{Offset: offset, Symbol: h.Symbol, File: file.ID()}
	for _, r := range h.Rules {
		if refs := r.Spec.User.RefCtrOffsets; len(refs) > 0 {
			at.RefCtrOffset = refs[0]
			break
		}
	}
	return []site{{Point: Point{Target: h.Path, User: at}, kernel: kernel, registers: argRegisters, machine: true}}, nil
}

// offsetOf returns the offset in a file that a Place names: "malloc",
// "malloc+0x10", "+0x10" or the address "0x10".
func offsetOf(name string, file Executable) (uint64, error) {
	symbol, digits, plus := strings.Cut(name, "+")
	var more uint64
	if plus {
		var err error
		if more, err = strconv.ParseUint(digits, 0, 64); err != nil {
			return 0, err
		}
		if symbol == "" {
			return more, nil
		}
	}
	if address, err := strconv.ParseUint(symbol, 0, 64); err == nil {
		return file.Address(address)
	}
	offset, err := file.Symbol(symbol)
	return offset + more, err
}

// probeSites are the places of a static probe, of which the compiler may have
// made several.
func (h *Hook) probeSites(file Executable, kernel Kernel) ([]site, error) {
	provider, name, _ := strings.Cut(h.Symbol, "/")
	probes, err := file.Probes(provider, name)
	if err != nil {
		return nil, err
	}
	if len(probes) == 0 {
		return nil, fmt.Errorf("%s has no probe %s", h.Path, h.Symbol)
	}
	var sites []site
	for i, p := range probes {
		sites = append(sites, site{
			Point: Point{
				Target: h.Path, Part: i,
				User: UserPoint{Offset: p.Offset, RefCtrOffset: p.Semaphore, Symbol: h.Symbol, File: file.ID()},
			},
			kernel: kernel, probe: &p, machine: true,
		})
	}
	return sites, nil
}
