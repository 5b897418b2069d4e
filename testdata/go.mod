// A module of its own, which nobody requires: so the zip of github.com/rhumb-go/rhumb, which is what the go command
// downloads, is without these files. Tests read them from a clone of the repository.
module github.com/rhumb-go/rhumb/testdata

go 1.26.0
