// Command generate writes the tiles of matrix products in assembly, and most other
// assembly of arm64.
//
//	go run ./generate [-dir .]
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "folder of the package")
	flag.Parse()
	for name, source := range files(*dir) {
		if err := os.WriteFile(filepath.Join(*dir, name), source, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// files returns the generated files of the package in the folder dir, by name. Those
// of arm64 have the constants of rows_amd64.h there.
func files(dir string) map[string][]byte {
	all := map[string][]byte{"products_tiles_amd64.go": declarations()}
	for _, l := range levels {
		all[l.file] = l.source(l.tile)
	}
	for _, l := range directLevels {
		all[l.file] = l.source(l.direct)
	}
	for _, l := range int8Levels {
		all[l.file] = l.source(l.tile)
	}
	for _, l := range int4Levels {
		all[l.file] = l.source()
	}
	for _, l := range sseLevels {
		all[l.file] = l.source()
	}
	all["products_tile_int4_sse41_amd64.s"] = sseInt4()
	for _, l := range amxLevels {
		all[l.file] = l.source()
	}
	for name, source := range neonFiles {
		all[name] = source(dir)
	}
	return all
}
