#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The libraries of all modules but sys, confine, systemd and prepare call no function of the C library that makes a system call
with an effect: what is done goes through one module."""

import re
import shutil
import subprocess
import sys

import tree

MODULES = ("base", "cmdline", "oci", "toml", "settings", "engine_config", "request", "elf", "driver",
           "image", "plan", "devices", "apply")
CALLS = set(
    """
    accept access bind bpf chdir chmod chown chroot clone close connect creat dlopen dlsym dup dup2
    dup3 execl execle execlp execv execve execveat execvp execvpe faccessat fchdir fchmod fchmodat
    fchown fchownat fcntl fdopendir fgetxattr flistxattr fopen freopen fork fremovexattr fsconfig
    fsetxattr fsmount fsopen fstat fstatat fstatfs ftruncate fwrite getdents64 getenv ioctl kill
    link linkat listen lstat mkdir mkdirat mkfifo mknod mknodat mmap mount mount_setattr move_mount
    open open_tree openat opendir pidfd_open pipe pipe2 pivot_root poll popen prctl pthread_create
    ptrace puts read readdir readlink readlinkat realpath recvmsg rename renameat renameat2 rmdir
    secure_getenv sendfile sendmsg setenv setfsgid setfsuid setgid setns setrlimit setuid socket
    socketpair stat statfs statx symlink symlinkat syscall system truncate umask umount umount2
    unlink unlinkat unshare vfork wait waitid waitpid write
    """.split()
)
CALLS |= {name + "64" for name in CALLS}


def undefined(library):
    """Names without their version; __open_2, __isoc99_sscanf and the like without what wraps them."""
    listed = subprocess.run(["nm", "-u", library], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        found = re.match(r"\s+U (\w+)", line)
        if found:
            yield re.sub(r"^__(\w+?)(_2|_chk)?$", r"\1", found[1])


def main(directory):
    if shutil.which("nm") is None:
        tree.skip("nm is not installed")
    complaints = []
    for module in MODULES:
        calls = sorted(CALLS.intersection(undefined(f"{directory}/lib{module}.a")))
        complaints += [f"lib{module}.a calls {name}: that belongs to sys" for name in calls]
    tree.finish(complaints)


main(sys.argv[1])
