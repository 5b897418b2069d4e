package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"path"
	"time"
)

// A file is one of an archive.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

// archiveOf returns an archive in which the files lie in a folder called base: a zip for Windows, else a tar.gz. All
// files have the same time and no owner, so the same content gives the same archive.
func archiveOf(base string, p platform, files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	at = at.UTC()
	if p.os == "windows" {
		w := zip.NewWriter(&b)
		for _, f := range files {
			header := &zip.FileHeader{Name: path.Join(base, f.name), Method: zip.Deflate, Modified: at}
			header.SetMode(f.mode)
			to, err := w.CreateHeader(header)
			if err != nil {
				return nil, err
			}
			if _, err := to.Write(f.content); err != nil {
				return nil, err
			}
		}
		err := w.Close()
		return b.Bytes(), err
	}
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		header := &tar.Header{
			Name: path.Join(base, f.name), Mode: int64(f.mode), Size: int64(len(f.content)), ModTime: at, Typeflag: tar.TypeReg, Format: tar.FormatPAX,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}
