// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
)

// writeImage writes an image whose only file is a program, /entry, which is also
// what it runs. The file is an archive as `ctr images import` takes it: an OCI image
// layout (github.com/opencontainers/image-spec, image-layout.md) in a tar.
func writeImage(file, name, program string) error {
	entry, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("make image %s: %w", name, err)
	}
	layer, err := archive([]tarFile{{"entry", entry, 0o755}})
	if err != nil {
		return fmt.Errorf("make image %s: %w", name, err)
	}
	var files []tarFile
	// add adds a blob and returns its descriptor.
	add := func(mediaType string, data []byte) object {
		files = append(files, tarFile{"blobs/sha256/" + digest(data), data, 0o644})
		return object{"mediaType": "application/vnd.oci.image." + mediaType, "digest": "sha256:" + digest(data), "size": len(data)}
	}
	layers := []object{add("layer.v1.tar", layer)}
	config := add("config.v1+json", marshal(object{
		"architecture": runtime.GOARCH, "os": "linux", "config": object{"Entrypoint": []string{"/entry"}},
		"rootfs": object{"type": "layers", "diff_ids": []any{layers[0]["digest"]}},
	}))
	manifest := add("manifest.v1+json", marshal(object{"schemaVersion": 2, "config": config, "layers": layers}))
	manifest["annotations"] = object{"io.containerd.image.name": name}
	files = append(files,
		tarFile{"index.json", marshal(object{"schemaVersion": 2, "manifests": []object{manifest}}), 0o644},
		tarFile{"oci-layout", marshal(object{"imageLayoutVersion": "1.0.0"}), 0o644},
	)
	data, err := archive(files)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("make image %s: %w", name, err)
	}
	return nil
}

// object is an object of JSON.
type object map[string]any

// marshal encodes what is made of strings and numbers, which cannot fail.
func marshal(o object) []byte {
	data, _ := json.Marshal(o)
	return data
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

type tarFile struct {
	name string
	data []byte
	mode int64
}

func archive(files []tarFile) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
