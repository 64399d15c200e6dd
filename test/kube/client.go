// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Client is somebody who may talk to the API server.
type Client struct {
	address string
	ca      string // file, which the server writes before it is ready
	pem     []byte // the server's certificate, instead of the file
	token   string
	http    *http.Client // nil until the file can be read
	table   bool         // whether to ask for what kubectl get prints
}

func (c *Client) accept() string {
	if c.table {
		return "application/json;as=Table;g=meta.k8s.io;v=v1"
	}
	return "application/json"
}

// Answer is what the API server said.
type Answer struct {
	Code   int
	Status string // "404 Not Found"
	Header http.Header
	Body   []byte
}

// Err is nil for success, and otherwise the message in the answer.
func (a Answer) Err() error {
	if a.Code < 300 {
		return nil
	}
	var status struct{ Message string }
	if err := json.Unmarshal(a.Body, &status); err != nil || status.Message == "" {
		return fmt.Errorf("%s: %s", a.Status, bytes.TrimSpace(a.Body))
	}
	return errors.New(status.Message)
}

// Do sends a request. The content type of a body is JSON if it is empty. The
// error tells that there is no answer; what an answer says is the caller's
// to judge.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body []byte) (Answer, error) {
	answer, err := c.do(ctx, method, path, contentType, body)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte) (Answer, error) {
	request, err := c.request(ctx, method, path, contentType, body)
	if err != nil {
		return Answer{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{response.StatusCode, response.Status, response.Header, data}, nil
}

// request prepares a request, and with the first one the way to the server.
func (c *Client) request(ctx context.Context, method, path, contentType string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", c.accept())
	if contentType == "" {
		contentType = "application/json"
	}
	request.Header.Set("Content-Type", contentType)
	if c.http == nil {
		if err := c.trust(); err != nil {
			return nil, err
		}
	}
	return request, nil
}

// trust reads the server's certificate.
func (c *Client) trust() error {
	pem, err := c.authority()
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", c.ca)
	}
	c.http = &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: serverName},
		ForceAttemptHTTP2: true, // one connection for many requests at once
	}}
	return nil
}

func (c *Client) authority() ([]byte, error) {
	if c.pem != nil {
		return c.pem, nil
	}
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return pem, nil
}

// Get decodes the object at path into v.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	answer, err := c.Do(ctx, http.MethodGet, path, "", nil)
	if err == nil {
		err = answer.Err()
	}
	if err == nil {
		err = json.Unmarshal(answer.Body, v)
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	return nil
}

// GetTable decodes what kubectl get prints of the objects at path, a Table of
// meta.k8s.io/v1, into v.
func (c *Client) GetTable(ctx context.Context, path string, v any) error {
	table := *c
	table.table = true
	return table.Get(ctx, path, v)
}

// Send sends v as JSON (POST creates, PUT replaces, DELETE with options) and
// decodes the answer into result, unless that is nil.
func (c *Client) Send(ctx context.Context, method, path string, v, result any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	answer, err := c.Do(ctx, method, path, "", body)
	if err != nil {
		return err
	}
	if err := answer.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, result); err != nil {
		return fmt.Errorf("%s %s: decode answer: %w", method, path, err)
	}
	return nil
}

// Apply makes the object what a YAML document says, as `kubectl apply
// --server-side --validate=strict` does, and returns the answer. The path is the
// object's own.
func (c *Client) Apply(ctx context.Context, path string, yaml []byte) (Answer, error) {
	return c.Do(ctx, http.MethodPatch, path+"?fieldManager=test&force=true&fieldValidation=Strict",
		"application/apply-patch+yaml", yaml)
}
