// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// apt is a private apt state for suites the machine itself does not use. apt,
// and not this program, talks to the mirrors: it honours the machine's proxies
// and credentials, checks the signature of each index and the SHA256 of each
// package.
type apt struct{ dir string }

// stampFile is touched by every update, complete or not: a suite that the cache
// lacks is looked for each time anyway.
const stampFile = "updated"

func (a apt) current(now time.Time) bool {
	info, err := os.Stat(filepath.Join(a.dir, stampFile))
	return err == nil && now.Sub(info.ModTime()) < indexAge
}

// update refreshes the indexes of the suites. A suite that is gone is not an
// error here: it shows when its packages are asked for.
func (a apt) update(ctx context.Context, suites []string) error {
	configured, err := configuredSources("/etc/apt")
	if err != nil {
		return err
	}
	repos := repositories(configured, suites)
	if len(repos) == 0 {
		return errors.New("apt sources: none is a Debian suite")
	}
	var sources bytes.Buffer
	for _, r := range repos {
		r.writeTo(&sources)
	}
	// Hooks of the machine are for its own state; DEP-11 and translations are
	// larger than the index and of no use here.
	config := fmt.Sprintf(`Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "%[1]s/sources.list.d";
Dir::State "%[1]s/state";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
APT::Sandbox::User "root";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures { "amd64"; };
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
`, a.dir)
	for _, dir := range []string{"sources.list.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"status":                    "",
		"apt.conf":                  config,
		"sources.list.d/vm.sources": sources.String(),
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	cmd := a.command(ctx, "apt-get", "update", "-qq")
	cmd.Stdout = os.Stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "apt-get update: %v\n", err)
	}
	return os.WriteFile(filepath.Join(a.dir, stampFile), nil, 0o644)
}

// packages reads the kernel packages of a suite with its updates.
func (a apt) packages(ctx context.Context, suite string) ([]debPackage, error) {
	targets, err := a.command(ctx, "apt-get", "indextargets",
		"--format", "$(RELEASE) $(FILENAME)", "Created-By: Packages").Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get indextargets: %w", err)
	}
	var packages []debPackage
	for line := range strings.Lines(string(targets)) {
		release, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		if base, _, _ := strings.Cut(release, "-"); base != suite {
			continue
		}
		// apt stores an index with the compression it likes.
		text, err := a.command(ctx, "/usr/lib/apt/apt-helper", "cat-file", file).Output()
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", file, err)
		}
		more, err := parsePackages(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", file, err)
		}
		packages = append(packages, more...)
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("suite %s: not on the configured mirrors", suite)
	}
	return packages, nil
}

// download fetches packages into dir and returns their files.
func (a apt) download(ctx context.Context, dir string, packages []debPackage) ([]string, error) {
	args := []string{"download", "-qq"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	cmd := a.command(ctx, "apt-get", args...)
	cmd.Dir, cmd.Stdout = dir, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("apt-get %s: %w", strings.Join(args, " "), err)
	}
	return filepath.Glob(filepath.Join(dir, "*.deb"))
}

func (a apt) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, append([]string{"-c", filepath.Join(a.dir, "apt.conf")}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}
