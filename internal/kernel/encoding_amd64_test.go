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

// The assembly gives instructions that Go's assembler does not know as numbers,
// with the instruction as a comment. A disassembler reads the same from them.
func TestEncodingsAMD64(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("NOT RUN: objdump is missing (Debian: binutils)")
	}
	files, err := filepath.Glob("*_amd64.s")
	require.NoError(t, err)
	var code []byte
	var want []string
	number := regexp.MustCompile(`LONG \$0x([0-9a-f]{8}); WORD \$0x([0-9a-f]{4}) // (V\w+ .*)`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, strings.Count(string(source), "LONG $"), len(number.FindAll(source, -1)), "%s: numbers of another form", file)
		for _, m := range number.FindAllStringSubmatch(string(source), -1) {
			low, err := strconv.ParseUint(m[1], 16, 32)
			require.NoError(t, err)
			high, err := strconv.ParseUint(m[2], 16, 16)
			require.NoError(t, err)
			code = binary.LittleEndian.AppendUint32(code, uint32(low))
			code = binary.LittleEndian.AppendUint16(code, uint16(high))
			want = append(want, m[3])
		}
	}
	require.NotEmpty(t, want)
	path := filepath.Join(t.TempDir(), "code")
	require.NoError(t, os.WriteFile(path, code, 0o600))
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", path).Output()
	require.NoError(t, err)
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^ *[0-9a-f]+:\t(\w+) +(\S+)`).FindAllStringSubmatch(string(out), -1) {
		operands := strings.NewReplacer("%zmm", "Z", ",", ", ").Replace(m[2])
		got = append(got, strings.ToUpper(m[1])+" "+operands)
	}
	require.Equal(t, want, got)
}
