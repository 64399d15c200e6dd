// SPDX-License-Identifier: Apache-2.0

// Package live runs the real agent on this kernel, Prometheus and Alertmanager as
// Debian has them, with the scrape configuration that Prometheus Operator makes of the
// chart's monitors, the chart's rules and its dashboards. It causes events and looks at
// what arrives: in Prometheus, at a webhook, on the pages of the dashboards. Everything
// is on loopback, with TLS and basic authentication, and in directories of its own.
//
// The rules and dashboards by themselves are tested in ../rules and ../queries, and the
// chart in test/chart.
package live
