// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
)

// writeKey makes the key that signs the tokens of service accounts.
func writeKey(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

// Namespace makes a namespace unless it is there.
func (c *Client) Namespace(ctx context.Context, name string) error {
	answer, err := c.Apply(ctx, "/api/v1/namespaces/"+name,
		[]byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: "+name+"}\n"))
	return errors.Join(err, answer.Err())
}

// ServiceAccount makes a service account unless it is there, and returns a client
// that is it: who may do what RBAC grants the account. The token is valid for an
// hour.
func (c *Client) ServiceAccount(ctx context.Context, namespace, name string) (*Client, error) {
	path := "/api/v1/namespaces/" + namespace + "/serviceaccounts/" + name
	answer, err := c.Apply(ctx, path,
		[]byte("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: "+name+"}\n"))
	if err := errors.Join(err, answer.Err()); err != nil {
		return nil, fmt.Errorf("service account %s/%s: %w", namespace, name, err)
	}
	type m map[string]any
	var issued struct{ Status struct{ Token string } }
	request := m{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": m{}}
	if err := c.Send(ctx, http.MethodPost, path+"/token", request, &issued); err != nil {
		return nil, err
	}
	return &Client{address: c.address, ca: c.ca, token: issued.Status.Token}, nil
}

// replaceHost keeps the port of an address.
func replaceHost(address, host string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}
