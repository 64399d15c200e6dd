// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Event is a change that the API server tells of.
type Event struct {
	Type   string // ADDED, MODIFIED, DELETED
	Object json.RawMessage
}

// Watch calls each with what changes in a collection, beginning with what is
// there, until it returns false or the context is done, which is no error. The
// query selects objects and may be empty.
func (c *Client) Watch(ctx context.Context, path, query string, each func(Event) bool) error {
	request, err := c.request(ctx, http.MethodGet, path+"?watch=true&"+query, "", nil)
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("watch %s: %s", path, response.Status)
	}
	events := json.NewDecoder(response.Body)
	for {
		var e Event
		switch err := events.Decode(&e); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("watch %s: the server ended it", path)
		case err != nil:
			return fmt.Errorf("watch %s: %w", path, err)
		}
		if !each(e) {
			return nil
		}
	}
}
