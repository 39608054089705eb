// SPDX-License-Identifier: Apache-2.0
// Run by the build: turns the lists of system calls below into BPF with libseccomp, and prints
// them as a header. Doing this at each start would take the hook a third of a millisecond.
//
//   generate_filters ARCHITECTURE
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <linux/filter.h>
#include <memory>
#include <seccomp.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

/// What a program and its C library need to read files, write to what is open, and end.
constexpr std::array reading{
    "access",
    "arch_prctl",
    "brk",
    "clock_gettime",
    "close",
    "execveat",
    "exit",
    "exit_group",
    "faccessat",
    "fcntl",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "lstat",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "open",
    "openat",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "set_robust_list",
    "set_tid_address",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "tgkill",
    "time",
    "uname",
    "write",
    "writev",
};

/// What the hook and ldconfig need to write files.
constexpr std::array changing{
    "chdir",     "chmod", "execve",  "fadvise64", "fchmod",   "fchmodat",  "fdatasync", "fsync",
    "ftruncate", "mkdir", "mkdirat", "rename",    "renameat", "renameat2", "unlink",    "unlinkat",
};

/// What the driver's library needs beside reading to ask its devices. Nothing that makes a
/// process, a thread, a socket, a node or a file, or changes one; NVML does without.
constexpr std::array probe_only{
    "clock_getres", "clock_nanosleep",   "dup",         "getpgrp",     "getppid",
    "getrlimit",    "getrusage",         "ioctl",       "nanosleep",   "poll",
    "ppoll",        "sched_getaffinity", "sched_yield", "sigaltstack",
};

/// What the hook does beside that: mounts, namespaces, device programs, systemd, its own
/// confinement.
constexpr std::array hook_only{
    "bpf",
    "capget",
    "capset",
    "chroot",
    "clone",
    "connect",
    "dup3",
    "fchdir",
    "fchownat",
    "fsconfig",
    "fsmount",
    "fsopen",
    "getgroups",
    "getxattr",
    "memfd_create",
    "mknodat",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "openat2",
    "pidfd_open",
    "pidfd_send_signal",
    "pivot_root",
    "poll",
    "ppoll",
    "prctl",
    "seccomp",
    "sendfile",
    "setfsgid",
    "setfsuid",
    "setgroups",
    "setns",
    "setresgid",
    "setresuid",
    "setsockopt",
    "setxattr",
    "symlinkat",
    "umask",
    "umount2",
    "waitid",
};

/// Systemd listens on a socket of the file system.
bool allow_local_sockets(scmp_filter_ctx filter) {
    constexpr scmp_arg_cmp local{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX, .datum_b = 0};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &local) == 0;
}

struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

bool allow(scmp_filter_ctx filter, std::span<const char* const> names) {
    for (const char* const name : names) {
        const int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR) {
            std::fprintf(stderr, "generate_filters: libseccomp does not know %s\n", name);
            return false;
        }
        const int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        if (failed != 0 && failed != -EDOM) // EDOM: this architecture has no such call
            return false;
    }
    return true;
}

/// What is not on the lists fails with ENOSYS, as on a kernel without it: C libraries know what
/// to do then.
bool print_filter(const char* name, uint32_t architecture,
                  std::initializer_list<std::span<const char* const>> lists,
                  bool local_sockets = false) {
    const Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
    if (!filter || seccomp_arch_remove(filter.get(), SCMP_ARCH_NATIVE) != 0
        || seccomp_arch_add(filter.get(), architecture) != 0)
        return false;
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); // a binary tree
    for (const auto& list : lists)
        if (!allow(filter.get(), list))
            return false;
    if (local_sockets && !allow_local_sockets(filter.get()))
        return false;
    std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
    if (!file || seccomp_export_bpf(filter.get(), fileno(file.get())) != 0)
        return false;
    std::rewind(file.get());
    std::printf("inline constexpr sock_filter %s[] = {\n", name);
    sock_filter one{};
    while (std::fread(&one, sizeof one, 1, file.get()) == 1)
        std::printf("    {0x%x, %u, %u, 0x%x},\n", unsigned{one.code}, unsigned{one.jt},
                    unsigned{one.jf}, one.k);
    std::printf("};\n");
    return true;
}

} // namespace

int main(int argc, char** argv) {
    const auto architecture = argc == 2 ? seccomp_arch_resolve_name(argv[1]) : 0;
    if (architecture == 0) {
        std::fprintf(stderr, "usage: generate_filters ARCHITECTURE\n");
        return 2;
    }
    std::printf("// Made by generate_filters.cpp.\n#pragma once\n#include <linux/filter.h>\n"
                "namespace grapnel::sys {\n");
    if (!print_filter("hook_filter", architecture, {reading, changing, hook_only}, true)
        || !print_filter("ldconfig_filter", architecture, {reading, changing})
        || !print_filter("probe_filter", architecture, {reading, probe_only}))
        return 1;
    std::printf("} // namespace grapnel::sys\n");
    return 0;
}
