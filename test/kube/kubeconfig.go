// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// serverName is what the server's certificate is for, wherever it is reached.
const serverName = "127.0.0.1"

// kubeconfig is the part of the file format that is used here.
type kubeconfig struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	CurrentContext string         `json:"current-context"`
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
}

type namedCluster struct {
	Name    string  `json:"name"`
	Cluster cluster `json:"cluster"`
}

type cluster struct {
	Server     string `json:"server"`
	Authority  []byte `json:"certificate-authority-data"` // base64 in JSON, as the format wants
	ServerName string `json:"tls-server-name"`
}

type namedUser struct {
	Name string `json:"name"`
	User user   `json:"user"`
}

type user struct {
	Token string `json:"token"`
}

type namedContext struct {
	Name    string        `json:"name"`
	Context userOfCluster `json:"context"`
}

type userOfCluster struct {
	Cluster string `json:"cluster"`
	User    string `json:"user"`
}

// Connect returns the client that WriteKubeconfig described in a file.
func Connect(file string) (*Client, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	var config kubeconfig
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", file, err)
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("kubeconfig %s: %d clusters and %d users, want one of each", file, len(config.Clusters), len(config.Users))
	}
	server := config.Clusters[0].Cluster
	return &Client{address: server.Server, pem: server.Authority, token: config.Users[0].User.Token}, nil
}

// Address is where the client finds the server: https://HOST:PORT.
func (c *Client) Address() string { return c.address }

// WriteKubeconfig writes a kubeconfig with which others are this client. The
// server may be reached at another host than its own, as from a virtual machine
// behind a gateway; empty is its own.
func (c *Client) WriteKubeconfig(file, host string) error {
	pem, err := c.authority()
	if err != nil {
		return err
	}
	address := c.address
	if host != "" {
		address = replaceHost(address, host)
	}
	// JSON is YAML.
	data, err := json.MarshalIndent(kubeconfig{
		APIVersion: "v1", Kind: "Config", CurrentContext: "test",
		Clusters: []namedCluster{{"test", cluster{address, pem, serverName}}},
		Users:    []namedUser{{"test", user{c.token}}},
		Contexts: []namedContext{{"test", userOfCluster{"test", "test"}}},
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	if err := os.WriteFile(filepath.Clean(file), data, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
