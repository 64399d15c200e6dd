// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unpackTar writes the files of an archive below a directory, which must hold
// nothing but files and directories of root.
func unpackTar(t *testing.T, data io.Reader, dir string) {
	t.Helper()
	for r := tar.NewReader(data); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s is not root's", h.Name)
		}
		path := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(r); err == nil {
				err = errors.Join(writeFile(path, content), os.Chmod(path, h.FileInfo().Mode().Perm()))
			}
		default:
			t.Errorf("%s is of type %q", h.Name, h.Typeflag)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// reader reads a layout as a runtime does, which checks every blob.
type reader struct {
	t   *testing.T
	dir string
}

func openLayout(t *testing.T) reader {
	t.Helper()
	r := reader{t, t.TempDir()}
	archive, err := os.Open(built.archiveName())
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	unpackTar(t, archive, r.dir)
	return r
}

func (r reader) blob(d descriptor) []byte {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "blobs", strings.Replace(d.Digest, ":", "/", 1)))
	if err != nil {
		r.t.Fatal(err)
	}
	if digest(data) != d.Digest || len(data) != d.Size {
		r.t.Fatalf("blob %s is not what its descriptor says", d.Digest)
	}
	return data
}

func decode[T any](t *testing.T, data []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// images are the descriptors of all platforms.
func (r reader) images() []descriptor {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "index.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	top := decode[index](r.t, data)
	if len(top.Manifests) != 1 {
		r.t.Fatalf("%d images, and tools want one", len(top.Manifests))
	}
	return decode[index](r.t, r.blob(top.Manifests[0])).Manifests
}

// unpack writes the file system of the image for a platform, and returns its
// configuration.
func (r reader) unpack(d descriptor, dir string) image {
	r.t.Helper()
	m := decode[manifest](r.t, r.blob(d))
	config := decode[image](r.t, r.blob(m.Config))
	for i, layer := range m.Layers {
		packed, err := gzip.NewReader(bytes.NewReader(r.blob(layer)))
		if err != nil {
			r.t.Fatal(err)
		}
		plain, err := io.ReadAll(packed)
		if err != nil {
			r.t.Fatal(err)
		}
		if digest(plain) != config.RootFS.DiffIDs[i] {
			r.t.Fatalf("layer %d is not what the configuration says", i)
		}
		unpackTar(r.t, bytes.NewReader(plain), dir)
	}
	return config
}

// TestImage checks what is in the image of each platform.
func TestImage(t *testing.T) {
	r := openLayout(t)
	var arches []string
	for _, d := range r.images() {
		arches = append(arches, d.Platform.Architecture)
		dir := t.TempDir()
		config := r.unpack(d, dir)
		if config.platform != *d.Platform {
			t.Errorf("the index says %v, the image %v", *d.Platform, config.platform)
		}
		want := process{
			User: "0:0", Entrypoint: []string{"/tetrameter"}, Cmd: []string{"run"}, WorkingDir: "/",
			ExposedPorts: map[string]struct{}{"2112/tcp": {}}, Labels: built.labels(),
		}
		if diff := cmp.Diff(want, config.Config); diff != "" {
			t.Errorf("%s (-want +got):\n%s", config.Architecture, diff)
		}
		files := tree(t, dir)
		program, err := os.ReadFile(filepath.Join(built.out, "linux-"+config.Architecture, "tetrameter"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(files["/tetrameter"], program) || files["/licenses/LICENSE"] == nil || len(files) != 3 {
			t.Errorf("%s: the image has not the program and its licences", config.Architecture)
		}
	}
	if diff := cmp.Diff(architectures(), arches); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

// native unpacks the image for this machine.
func native(t *testing.T) (dir string, config image) {
	t.Helper()
	r := openLayout(t)
	for _, d := range r.images() {
		if d.Platform.Architecture == runtime.GOARCH {
			dir = t.TempDir()
			return dir, r.unpack(d, dir)
		}
	}
	t.Fatalf("no image for %s", runtime.GOARCH)
	return "", image{}
}
