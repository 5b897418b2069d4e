// Package filelock locks files against other processes. A lock ends with its
// file's Close, and with its process.
package filelock
