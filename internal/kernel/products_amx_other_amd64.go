//go:build amd64 && !linux && !purego

package kernel

// permitTiles reports that there is no AMX here: Windows has a request of its own for the
// state of the tile registers, with which nobody ran this, Macs have no such CPU, and
// what other systems do is not known.
func permitTiles() bool { return false }
