// SPDX-License-Identifier: Apache-2.0

package crd

import "gopkg.in/yaml.v3"

// Schema is what an API server checks a value against: the part of OpenAPI v3
// that a CustomResourceDefinition may use, with its names.
type Schema struct {
	Description string `yaml:"description,omitempty"`
	Type        string `yaml:"type,omitempty"`
	Format      string `yaml:"format,omitempty"`
	// IntOrString stands for the type of AnyOf.
	IntOrString bool     `yaml:"x-kubernetes-int-or-string,omitempty"`
	AnyOf       []Schema `yaml:"anyOf,omitempty"`
	Nullable    bool     `yaml:"nullable,omitempty"`
	// Default is a bool or string; nil for none.
	Default any      `yaml:"default,omitempty"`
	Enum    []string `yaml:"enum,omitempty,flow"`

	Minimum       *int64 `yaml:"minimum,omitempty"`
	Maximum       *int64 `yaml:"maximum,omitempty"`
	MinLength     *int64 `yaml:"minLength,omitempty"`
	MaxLength     *int64 `yaml:"maxLength,omitempty"`
	MinItems      *int64 `yaml:"minItems,omitempty"`
	MaxItems      *int64 `yaml:"maxItems,omitempty"`
	MaxProperties *int64 `yaml:"maxProperties,omitempty"`

	Required             []string `yaml:"required,omitempty,flow"`
	Properties           Fields   `yaml:"properties,omitempty"`
	AdditionalProperties *Schema  `yaml:"additionalProperties,omitempty"`
	Items                *Schema  `yaml:"items,omitempty"`
	ListType             string   `yaml:"x-kubernetes-list-type,omitempty"`
	ListMapKeys          []string `yaml:"x-kubernetes-list-map-keys,omitempty,flow"`
	Validations          []Rule   `yaml:"x-kubernetes-validations,omitempty"`
}

// Rule is a condition in CEL on an object.
type Rule struct {
	Rule    string `yaml:"rule"`
	Message string `yaml:"message"`
}

// Field is a field of an object.
type Field struct {
	Name     string
	Required bool
	Schema   Schema
}

// Fields are those of an object in the order of the documentation.
type Fields []Field

// MarshalYAML returns a mapping in the same order.
func (f Fields) MarshalYAML() (any, error) {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	for _, field := range f {
		var key, value yaml.Node
		if err := key.Encode(field.Name); err != nil {
			return nil, err
		}
		if err := value.Encode(field.Schema); err != nil {
			return nil, err
		}
		mapping.Content = append(mapping.Content, &key, &value)
	}
	return mapping, nil
}

// must is a field that every object has, may one that it need not have.
func must(name string, s Schema) Field { return Field{name, true, s} }
func may(name string, s Schema) Field  { return Field{name, false, s} }

// object has fields. As in a file, one that is null is not there; the API server
// itself does this where there is a default.
func object(description string, fields ...Field) Schema {
	s := Schema{Description: description, Type: "object"}
	for _, f := range fields {
		if f.Required {
			s.Required = append(s.Required, f.Name)
		} else {
			f.Schema.Nullable = f.Schema.Default == nil
		}
		s.Properties = append(s.Properties, f)
	}
	return s
}

// dictionary has at most limit keys of the author's, or any number if that is 0.
func dictionary(description string, limit int64, value Schema) Schema {
	s := Schema{Description: description, Type: "object", AdditionalProperties: &value}
	if limit > 0 {
		s.MaxProperties = &limit
	}
	return s
}

// list has from least to most elements.
func list(description string, least, most int64, element Schema) Schema {
	s := Schema{Description: description, Type: "array", MaxItems: &most, Items: &element}
	if least > 0 {
		s.MinItems = &least
	}
	return s
}

func text(description string) Schema {
	return Schema{Description: description, Type: "string"}
}

// bounded is a text of from least to most characters; most is 0 where the limit
// cannot be told without the value.
func bounded(description string, least, most int64) Schema {
	s := text(description)
	if least > 0 {
		s.MinLength = &least
	}
	if most > 0 {
		s.MaxLength = &most
	}
	return s
}

// word is one of several.
func word[T ~string](description string, words []T) Schema {
	s := text(description)
	for _, w := range words {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}

// orEmpty is a word that may be empty instead of missing.
func orEmpty(s Schema) Schema {
	s.Enum = append([]string{""}, s.Enum...)
	return s
}

// scalar is a string, or a number that stands for the string with its digits.
func scalar(description string) Schema {
	return Schema{Description: description, IntOrString: true, AnyOf: []Schema{{Type: "integer"}, {Type: "string"}}}
}

func boolean(description string, otherwise bool) Schema {
	return Schema{Description: description, Type: "boolean", Default: otherwise}
}

// integer is from low to high.
func integer(description string, low, high int64) Schema {
	return Schema{Description: description, Type: "integer", Format: "int64", Minimum: &low, Maximum: &high}
}
