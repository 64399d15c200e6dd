// SPDX-License-Identifier: Apache-2.0

package values

import (
	"encoding/json"
	"fmt"
	"maps"

	"go.yaml.in/yaml/v3"
)

// Schema returns values.schema.json for values.yaml: draft 7 of JSON Schema, as
// both versions of Helm read it. A map takes no keys but those that it has, unless
// it is empty or its @schema says so. The root also takes what a parent chart may
// say of this one, `condition: NAME.enabled` in its dependencies.
func Schema(data []byte) ([]byte, error) {
	list, err := parse(data)
	if err != nil {
		return nil, err
	}
	schema := object(list)
	properties := schema["properties"].(map[string]any)
	if _, own := properties["enabled"]; !own {
		properties["enabled"] = map[string]any{"type": "boolean", "description": "For charts that depend on this one: the condition"}
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["$comment"] = "Made from values.yaml by `make generate-chart`."
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(text, '\n'), nil
}

// object is the schema of a map of settings.
func object(list []value) map[string]any {
	properties := map[string]any{}
	for _, v := range list {
		properties[v.name] = v.jsonSchema()
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

func (v value) jsonSchema() map[string]any {
	schema := map[string]any{"type": v.jsonType()}
	if v.children != nil {
		schema = object(v.children)
	}
	if v.description != "" {
		schema["description"] = v.description
	}
	maps.Copy(schema, v.schema)
	return schema
}

// jsonType is the type of the default.
func (v value) jsonType() string {
	switch {
	case v.node.Kind == yaml.MappingNode:
		return "object"
	case v.node.Kind == yaml.SequenceNode:
		return "array"
	case v.node.Tag == "!!bool":
		return "boolean"
	case v.node.Tag == "!!int":
		return "integer"
	default:
		return "string"
	}
}
