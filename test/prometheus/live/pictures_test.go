// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tetrameter/tetrameter/test/prometheus/picture"
)

var (
	picturesFlag = flag.String("pictures", "", "directory to write pictures of the dashboards to, made by Chromium")
	lifeFlag     = flag.Duration("life", 5*time.Minute, "how long events are caused for the pictures")
	chromiumFlag = flag.String("chromium", "chromium", "Chromium, for -pictures only")
)

// TestPictures has agents live for a while and takes pictures of the dashboards, if
// -pictures asks for it: `make pictures` does. What is on the pages is tested without.
func TestPictures(t *testing.T) {
	if *picturesFlag == "" {
		return
	}
	a := startAgent(t)
	s := startServer(t, a, serverOptions{})
	from := time.Now()
	// What happens later than the time range begins is new in it.
	s.wait("a few scrapes", fmt.Sprintf(`timestamp(up{job=%q}) > %d`, job, from.Add(5*time.Second).Unix()))
	live(t, map[string]int{}, *lifeFlag)
	a.wait(s)
	o := picture.Options{From: from, To: time.Now(), Step: 5 * time.Second, Scrape: time.Second, Variables: map[string]string{"job": job}}
	for _, d := range readDashboards(t) {
		if d.UID == "tetrameter-policy" {
			o.Variables["policy"] = "privileges-raise"
		}
		page := filepath.Join(t.TempDir(), "page.html")
		f, err := os.Create(page)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(f, s, o); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		name := "dashboard-" + strings.TrimPrefix(d.UID, "tetrameter-") + ".png"
		takePicture(t, d, page, filepath.Join(*picturesFlag, name))
	}
}

// takePicture has Chromium show a page and save it, without a network.
func takePicture(t *testing.T, d *picture.Dashboard, page, file string) {
	t.Helper()
	wide, high := d.Size()
	cmd := exec.Command(*chromiumFlag, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--screenshot="+file,
		"--window-size="+strconv.Itoa(wide)+","+strconv.Itoa(high), "file://"+page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	reduce(t, file)
}

// reduce makes a picture small enough for a repository: with the 256 colors that most
// of it has, of which a page in few colors has the others nearly too.
func reduce(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	bounds, pixels := full.Bounds(), map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			pixels[full.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(pixels), func(a, b color.Color) int { return pixels[b] - pixels[a] })
	small := image.NewPaletted(bounds, colors[:min(len(colors), 256)])
	draw.Draw(small, bounds, full, bounds.Min, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
