#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes syscalls.txt: each system call's name and its numbers on amd64, arm64,
# i386 and arm32, or "-", from the constants of golang.org/x/sys/unix.
set -eu
unix=$(go list -m -f '{{.Dir}}' golang.org/x/sys)/unix
awk '
	FNR == 1 { column++ }
	$1 ~ /^SYS_/ && $2 == "=" { name = tolower(substr($1, 5)); names[name]; number[name, column] = $3 }
	END {
		for (name in names) {
			line = name
			for (c = 1; c <= 4; c++)
				line = line " " ((name, c) in number ? number[name, c] : "-")
			print line
		}
	}
' "$unix/zsysnum_linux_amd64.go" "$unix/zsysnum_linux_arm64.go" "$unix/zsysnum_linux_386.go" \
	"$unix/zsysnum_linux_arm.go" | LC_ALL=C sort >syscalls.txt
