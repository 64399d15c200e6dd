// SPDX-License-Identifier: Apache-2.0

// Package values makes the JSON schema and the reference of a Helm chart's values
// from the comments of its values.yaml: a comment that begins with two dashes is
// the description of the value below it, and one that begins with @schema has JSON
// that is merged into its schema. The tests of the chart, in the directory above,
// check that what is in the chart is what this package makes.
package values
