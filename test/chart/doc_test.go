// SPDX-License-Identifier: Apache-2.0

// Package chart_test tests the Helm chart with both versions of helm: what it
// renders, which values it refuses, and what becomes of its objects in a real API
// server, which package kube runs. It is a module of its own for helm's
// dependencies. `make test-chart` builds the programs that it runs.
package chart_test
