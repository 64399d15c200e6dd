// SPDX-License-Identifier: Apache-2.0

package values

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
)

// Readme executes the template of a chart's README: {{ .Values }} in it is a table
// of the values of values.yaml.
func Readme(text string, data []byte) ([]byte, error) {
	list, err := parse(data)
	if err != nil {
		return nil, err
	}
	var table bytes.Buffer
	table.WriteString("| value | default | |\n|---|---|---|\n")
	if err := writeRows(&table, "", list); err != nil {
		return nil, err
	}
	t, err := template.New("README").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse template of README: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]string{"Values": strings.TrimSpace(table.String())}); err != nil {
		return nil, fmt.Errorf("make README: %w", err)
	}
	return out.Bytes(), nil
}

func writeRows(w *bytes.Buffer, prefix string, list []value) error {
	for _, v := range list {
		name := prefix + v.name
		text := strings.ReplaceAll(v.description, "|", `\|`)
		if v.children != nil {
			if text != "" {
				fmt.Fprintf(w, "| `%s` | | %s |\n", name, text)
			}
			if err := writeRows(w, name+".", v.children); err != nil {
				return err
			}
			continue
		}
		value, err := v.defaultText()
		if err != nil {
			return fmt.Errorf("default of %s: %w", name, err)
		}
		fmt.Fprintf(w, "| `%s` | `%s` | %s |\n", name, value, text)
	}
	return nil
}

// defaultText is the default on one line.
func (v value) defaultText() (string, error) {
	var decoded any
	if err := v.node.Decode(&decoded); err != nil {
		return "", err
	}
	text, err := json.Marshal(decoded)
	return string(text), err
}
