package kernel

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The instructions that Go's arm64 assembler does not have are written as words,
// with the text that GNU's disassembler has for them.
func TestEncodingsARM64(t *testing.T) {
	objdump, err := exec.LookPath("aarch64-linux-gnu-objdump")
	if err != nil {
		t.Skip("NOT CHECKED: aarch64-linux-gnu-objdump is missing (Debian: binutils-aarch64-linux-gnu)")
	}
	files, err := filepath.Glob("*_arm64.s")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^\tWORD \$(0x[0-9a-f]{8}) // (.+)$`)
	texts := map[uint32]string{}
	var words []uint32
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		found := line.FindAllStringSubmatch(string(source), -1)
		require.Len(t, found, strings.Count(string(source), "WORD"), "%s: a word without its text", file)
		for _, m := range found {
			word, err := strconv.ParseUint(m[1], 0, 32)
			require.NoError(t, err)
			if _, ok := texts[uint32(word)]; !ok {
				words = append(words, uint32(word))
				texts[uint32(word)] = m[2]
			}
			require.Equal(t, texts[uint32(word)], m[2])
		}
	}
	require.NotEmpty(t, words)
	code := make([]byte, 0, 4*len(words))
	for _, w := range words {
		code = binary.LittleEndian.AppendUint32(code, w)
	}
	binaryFile := filepath.Join(t.TempDir(), "words")
	require.NoError(t, os.WriteFile(binaryFile, code, 0o600))
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "aarch64", binaryFile).CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
	disassembled := regexp.MustCompile(`(?m)^ +[0-9a-f]+:\t([0-9a-f]{8}) \t(.+)$`).FindAllStringSubmatch(string(out), -1)
	require.Len(t, disassembled, len(words))
	for i, m := range disassembled {
		require.Equal(t, strconv.FormatUint(1<<32|uint64(words[i]), 16)[1:], m[1])
		require.Equalf(t, texts[words[i]], strings.ReplaceAll(m[2], "\t", " "), "%s", m[1])
	}
}
