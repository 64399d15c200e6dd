// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Media types of the OCI image specification, version 1.1.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor points to a blob (descriptor.md of the specification).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// manifest is one image (manifest.md).
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations"`
}

// index is a list of images (image-index.md).
type index struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// image is the configuration (config.md).
type image struct {
	platform
	Created time.Time `json:"created"`
	Config  process   `json:"config"`
	RootFS  rootFS    `json:"rootfs"`
	History []history `json:"history"`
}

// process is what a container runs. The user is root because the BPF file
// system is root's, see "Capabilities" in docs/operations.md.
type process struct {
	User         string              `json:"User"`
	Entrypoint   []string            `json:"Entrypoint"`
	Cmd          []string            `json:"Cmd"`
	WorkingDir   string              `json:"WorkingDir"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts"`
	Labels       map[string]string   `json:"Labels"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// layout is a directory of blobs (image-layout.md).
type layout struct{ dir string }

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// blob stores data.
func (l layout) blob(mediaType string, data []byte) (descriptor, error) {
	d := descriptor{MediaType: mediaType, Digest: digest(data), Size: len(data)}
	return d, writeFile(filepath.Join(l.dir, "blobs", strings.Replace(d.Digest, ":", "/", 1)), data)
}

// object stores a value.
func (l layout) object(mediaType string, value any) (descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, fmt.Errorf("write image: %w", err)
	}
	return l.blob(mediaType, data)
}

// labels describe the image, in the words of annotations.md.
func (r release) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":         "tetrameter",
		prefix + "description":   "Counts kernel events by security policy, in the kernel, and serves the counts to Prometheus",
		prefix + "version":       r.version,
		prefix + "revision":      r.revision,
		prefix + "created":       r.date.Format(time.RFC3339),
		prefix + "licenses":      "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)",
		prefix + "source":        "https://github.com/tetrameter/tetrameter",
		prefix + "url":           "https://github.com/tetrameter/tetrameter",
		prefix + "documentation": "https://github.com/tetrameter/tetrameter/tree/main/docs",
		prefix + "vendor":        "The Tetrameter authors",
	}
}

// writeImage writes a layout with an index of one image for each program, and an
// archive of the layout.
func (r release) writeImage(programs []program) error {
	l := layout{filepath.Join(r.out, "image")}
	images := index{SchemaVersion: 2, MediaType: typeIndex, Annotations: r.labels()}
	for _, p := range programs {
		d, err := r.addImage(l, p)
		if err != nil {
			return err
		}
		images.Manifests = append(images.Manifests, d)
	}
	all, err := l.object(typeIndex, images)
	if err != nil {
		return err
	}
	all.Annotations = map[string]string{"org.opencontainers.image.ref.name": r.version}
	top, err := json.Marshal(index{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{all}})
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	for name, data := range map[string][]byte{"index.json": top, "oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)} {
		if err := writeFile(filepath.Join(l.dir, name), data); err != nil {
			return err
		}
	}
	return r.archiveLayout(l)
}

// addImage stores the image of a program.
func (r release) addImage(l layout, p program) (descriptor, error) {
	content, err := readFiles("licenses/", map[string]string{"LICENSE": "LICENSE", "NOTICE": "NOTICE"})
	if err != nil {
		return descriptor{}, err
	}
	data, err := os.ReadFile(p.path)
	if err != nil {
		return descriptor{}, fmt.Errorf("write image: %w", err)
	}
	content["tetrameter"] = file{data, 0o755}
	plain, err := content.archive(r.date)
	if err != nil {
		return descriptor{}, err
	}
	packed, err := compress(plain, nil)
	if err != nil {
		return descriptor{}, err
	}
	layer, err := l.blob(typeLayer, packed)
	if err != nil {
		return descriptor{}, err
	}
	at := platform{Architecture: p.arch, OS: "linux"}
	config, err := l.object(typeConfig, image{
		platform: at,
		Created:  r.date,
		Config: process{
			User: "0:0", Entrypoint: []string{"/tetrameter"}, Cmd: []string{"run"}, WorkingDir: "/",
			ExposedPorts: map[string]struct{}{"2112/tcp": {}}, Labels: r.labels(),
		},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{digest(plain)}},
		History: []history{{r.date, "test/release"}},
	})
	if err != nil {
		return descriptor{}, err
	}
	d, err := l.object(typeManifest, manifest{2, typeManifest, config, []descriptor{layer}, r.labels()})
	d.Platform = &at
	return d, err
}

// archiveLayout writes the layout as one file, as `skopeo copy oci-archive:` and
// `ctr image import` read it.
func (r release) archiveLayout(l layout) error {
	content := files{}
	err := filepath.WalkDir(l.dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		content[strings.TrimPrefix(name, l.dir+"/")] = file{bytes.Clone(data), 0o644}
		return err
	})
	if err != nil {
		return fmt.Errorf("archive the image: %w", err)
	}
	data, err := content.archive(r.date)
	if err != nil {
		return err
	}
	return writeFile(r.archiveName(), data)
}

// archiveName is that of the layout's archive.
func (r release) archiveName() string {
	return filepath.Join(r.out, "tetrameter-"+r.version+".oci.tar")
}
