package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/rhumb-go/rhumb/deploy/internal/build"
)

// enter has cmd run in root, as the user of the image.
func enter(t *testing.T, cmd *exec.Cmd, root string) {
	if os.Getuid() != 0 {
		t.Skip("another root folder needs the user root")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: build.User, Gid: build.User}}
}
