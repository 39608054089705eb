// SPDX-License-Identifier: Apache-2.0
#include "sys/seccomp.hpp"

#include "sys/kernel.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <seccomp.h>
#include <span>

namespace grapnel::sys {

namespace {

/// What a static program and its C library need to read files and end.
constexpr std::array common{
    SCMP_SYS(access),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(brk),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(mkdir),
    SCMP_SYS(getdents),
    SCMP_SYS(time),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(sysinfo),
    SCMP_SYS(chdir),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(close),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(faccessat),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fchmod),
    SCMP_SYS(fcntl),
    SCMP_SYS(fdatasync),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(futex),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pread64),
    SCMP_SYS(prlimit64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(tgkill),
    SCMP_SYS(uname),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

/// What the hook does beside that: mounts, namespaces, device programs, its own confinement.
constexpr std::array hook_only{
    SCMP_SYS(bpf),
    SCMP_SYS(capget),
    SCMP_SYS(capset),
    SCMP_SYS(clone),
    SCMP_SYS(fchdir),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsopen),
    SCMP_SYS(getppid),
    SCMP_SYS(chroot),
    SCMP_SYS(memfd_create),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(openat2),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(pivot_root),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(prctl),
    SCMP_SYS(seccomp),
    SCMP_SYS(sendfile),
    SCMP_SYS(setfsgid),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setns),
    SCMP_SYS(symlinkat),
    SCMP_SYS(umount2),
    SCMP_SYS(waitid),
    SCMP_SYS(dup3),
};

struct Release {
    void operator()(void* filter) const { seccomp_release(filter); }
};

Status allow(scmp_filter_ctx filter, std::span<const int> calls) {
    for (const int call : calls) {
        const int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
        if (failed != 0 && failed != -EDOM) { // EDOM: this architecture has no such call
            errno = -failed;
            return system_error("seccomp_rule_add");
        }
    }
    return {};
}

Status load(std::span<const int> more) {
    const std::unique_ptr<void, Release> filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
    if (!filter)
        return refused("seccomp_init failed");
    GRAPNEL_TRY(allow(filter.get(), common));
    GRAPNEL_TRY(allow(filter.get(), more));
    seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); // a binary tree
    const int failed = seccomp_load(filter.get());
    if (failed != 0 && failed != -ENOSYS && failed != -EINVAL) { // a kernel without seccomp
        errno = -failed;
        return system_error("seccomp_load");
    }
    return {};
}

} // namespace

Status filter_hook() {
    return load(hook_only);
}

Status filter_ldconfig() {
    return load({});
}

} // namespace grapnel::sys
