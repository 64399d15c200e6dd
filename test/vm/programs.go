// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"regexp"
)

// programFiles returns host:guest pairs of programs and the libraries that they
// load.
func programFiles(programs []string) ([]string, error) {
	var pairs []string
	for _, name := range programs {
		program, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(program)
		cmd.Env = []string{"LD_TRACE_LOADED_OBJECTS=1"} // ld.so(8): what ldd does
		libraries, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("libraries of %s: %w", program, err)
		}
		for _, file := range append(regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1), program) {
			pairs = append(pairs, file+":"+file)
		}
	}
	return pairs, nil
}
