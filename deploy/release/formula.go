package main

import (
	"fmt"
	"strings"
)

// formula returns the formula of a tap of Homebrew that installs the command from the archives of a release, with
// their sums by platform.
func formula(version string, sums map[string]string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `class Rhumb < Formula
  desc "Text embeddings on the CPU, in pure Go"
  homepage "https://github.com/rhumb-go/rhumb"
  version "%s"
  license "Apache-2.0"
`, version)
	for _, system := range []struct{ block, os string }{{"macos", "darwin"}, {"linux", "linux"}} {
		fmt.Fprintf(&b, "\n  on_%s do\n", system.block)
		for _, cpu := range []struct{ block, arch string }{{"arm", "arm64"}, {"intel", "amd64"}} {
			p := platform{system.os, cpu.arch}
			if sums[p.String()] == "" {
				continue
			}
			fmt.Fprintf(&b, `    on_%s do
      url "https://github.com/rhumb-go/rhumb/releases/download/v%s/rhumb_%s_%v.tar.gz"
      sha256 "%s"
    end
`, cpu.block, version, version, p, sums[p.String()])
		}
		fmt.Fprintf(&b, "  end\n")
	}
	b.WriteString(`
  def install
    bin.install "rhumb"
    man1.install Dir["man/man1/*.1"]
    bash_completion.install "completions/rhumb.bash" => "rhumb"
    fish_completion.install "completions/rhumb.fish"
    zsh_completion.install "completions/_rhumb"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/rhumb version")
    assert_match "embedding", shell_output("#{bin}/rhumb embed --output-format jsonl summer")
  end
end
`)
	return []byte(b.String())
}
