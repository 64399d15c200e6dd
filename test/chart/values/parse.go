// SPDX-License-Identifier: Apache-2.0

package values

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is one of values.yaml: a setting, or a map of them.
type value struct {
	name        string
	description string
	schema      map[string]any // of the comment, nil if it has none
	node        *yaml.Node     // the default
	children    []value        // of a map whose keys are settings
}

// parse reads values.yaml.
func parse(data []byte) ([]value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("read values: %w", err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read values: no map")
	}
	return parseMap(document.Content[0])
}

func parseMap(node *yaml.Node) ([]value, error) {
	var list []value
	for i := 0; i < len(node.Content); i += 2 {
		key, content := node.Content[i], node.Content[i+1]
		v := value{name: key.Value, node: content}
		if err := v.parseComment(key.HeadComment); err != nil {
			return nil, fmt.Errorf("values, line %d: %s: %w", key.Line, key.Value, err)
		}
		if content.Kind == yaml.MappingNode && len(content.Content) > 0 {
			children, err := parseMap(content)
			if err != nil {
				return nil, err
			}
			if v.structured(children) {
				v.children = children
			}
		}
		list = append(list, v)
	}
	return list, nil
}

// structured says whether a map's keys are settings, and not an example of what
// may be in it: there is no limit to those of a map that takes others and describes
// none of its own.
func (v value) structured(children []value) bool {
	if _, open := v.schema["additionalProperties"]; !open {
		return true
	}
	for _, c := range children {
		if c.description != "" {
			return true
		}
	}
	return false
}

// parseComment reads what stands above a value. What comes before its last empty
// line is about something else.
func (v *value) parseComment(comment string) error {
	if i := strings.LastIndex(comment, "\n\n"); i >= 0 {
		comment = comment[i+2:]
	}
	var part *string
	var description, schema string
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
		if text, ok := strings.CutPrefix(line, "-- "); ok {
			part, line = &description, text
		} else if text, ok := strings.CutPrefix(line, "@schema "); ok {
			part, line = &schema, text
		}
		if part == nil {
			return fmt.Errorf("comment %q is neither a description (--) nor a @schema", line)
		}
		*part = strings.TrimSpace(*part + " " + line)
	}
	v.description = description
	if schema == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(schema), &v.schema); err != nil {
		return fmt.Errorf("@schema: %w", err)
	}
	return nil
}
