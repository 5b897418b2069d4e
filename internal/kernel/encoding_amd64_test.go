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
	numbers := regexp.MustCompile(`(?m)((?:(?:LONG|WORD|BYTE) \$0x[0-9a-f]+;? )+)// (.*)$`)
	number := regexp.MustCompile(`(LONG|WORD|BYTE) \$0x([0-9a-f]+)`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		found := 0
		for _, m := range numbers.FindAllStringSubmatch(string(source), -1) {
			for _, n := range number.FindAllStringSubmatch(m[1], -1) {
				v, err := strconv.ParseUint(n[2], 16, 32)
				require.NoError(t, err)
				size := map[string]int{"LONG": 4, "WORD": 2, "BYTE": 1}[n[1]]
				code = append(code, binary.LittleEndian.AppendUint32(nil, uint32(v))[:size]...)
				found++
			}
			want = append(want, m[2])
		}
		require.Equal(t, len(number.FindAll(source, -1)), found, "%s: numbers of another form", file)
	}
	require.NotEmpty(t, want)
	path := filepath.Join(t.TempDir(), "code")
	require.NoError(t, os.WriteFile(path, code, 0o600))
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", path).Output()
	require.NoError(t, err)
	var got []string
	memory := regexp.MustCompile(`(0x[0-9a-f]+)?\(%(\w+)(?:,%(\w+),(\d))?\)`)
	register := func(name string) string { // Go's, of rax or r8
		if strings.ContainsAny(name, "0123456789") {
			return strings.ToUpper(name)
		}
		return strings.ToUpper(name[1:])
	}
	for _, m := range regexp.MustCompile(`(?m)^ *[0-9a-f]+:\t(?:\{vex\} )?(\w+) *(\S*)`).FindAllStringSubmatch(string(out), -1) {
		operands := memory.ReplaceAllStringFunc(m[2], func(text string) string {
			p := memory.FindStringSubmatch(text)
			text = "(" + register(p[2]) + ")"
			if offset, _ := strconv.ParseUint(p[1], 0, 32); offset != 0 {
				text = strconv.FormatUint(offset, 10) + text
			}
			if p[3] != "" && p[3] != "riz" { // which is none
				text += "(" + register(p[3]) + "*" + p[4] + ")"
			}
			return text
		})
		operands = strings.NewReplacer("%zmm", "Z", "%ymm", "Y", "%tmm", "TMM", ",", ", ").Replace(operands)
		got = append(got, strings.TrimSpace(strings.ToUpper(m[1])+" "+operands))
	}
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i], got[i])
	}
}
