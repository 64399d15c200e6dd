// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// dump is a policy as JSON, without the fields that have their zero value and
// with positions on one line.
func dump(t *testing.T, p *policy.Policy) string {
	t.Helper()
	text, err := json.MarshalIndent(plain(reflect.ValueOf(p)), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// plain turns a value into one that encoding/json has no opinion about.
func plain(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case policy.Pos:
		return fmt.Sprintf("%d:%d", value.Line, value.Column)
	case netip.Prefix:
		return value.String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		return plain(v.Elem())
	case reflect.Slice:
		elements := make([]any, v.Len())
		for i := range elements {
			elements[i] = plain(v.Index(i))
		}
		return elements
	case reflect.Struct:
		fields := make(map[string]any)
		for i := range v.NumField() {
			if field := v.Field(i); !field.IsZero() {
				fields[v.Type().Field(i).Name] = plain(field)
			}
		}
		return fields
	}
	return v.Interface()
}
