// SPDX-License-Identifier: Apache-2.0
#include "sys/cage.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/kernel.hpp"
#include "sys/mount.hpp"
#include "sys/privilege.hpp"
#include "sys/process.hpp"
#include "sys/root_dir.hpp"
#include "sys/seccomp.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <linux/securebits.h>
#include <memory>
#include <poll.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U // Linux 6.3
#endif

namespace grapnel::sys {

namespace {

constexpr int time_limit_ms = 30'000;
constexpr int exit_setup_failed = 125; // of the child, before it became the program

Fd memory_file(const char* name, unsigned flags) {
    Fd file(memfd_create(name, flags | MFD_CLOEXEC | MFD_EXEC));
    if (!file.valid() && errno == EINVAL) // before Linux 6.3 every memfd is executable
        file = Fd(memfd_create(name, flags | MFD_CLOEXEC));
    return file;
}

/// Moves this process into the detached tree and lets go of every other mount.
Status enter_root(const Caged& caged) {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error("make the mounts private");
    const Fd old_root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!old_root.valid())
        return system_error("open /");
    GRAPNEL_TRY(attach(caged.root, old_root.ref(), "/"));
    if (fchdir(caged.root.value) != 0)
        return system_error("fchdir");
    // pivot_root(2): with "." twice the old root ends up on top of the new one, and goes.
    // On an initramfs it cannot be moved, and chroot has to do.
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) != 0)
            return system_error("umount the old root");
    } else if (errno != EINVAL) {
        return system_error("pivot_root");
    }
    if (::chroot(".") != 0 || chdir("/") != 0)
        return system_error("chroot");
    return {};
}

Status attach_scratch(const Caged& caged) {
    const Fd here(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto root = GRAPNEL_TRY(RootDir::open(here.ref(), host_path("/")));
    const auto place = GRAPNEL_TRY(root.directory(caged.scratch_place));
    return attach(caged.scratch, place, caged.scratch_place.text());
}

void set_limit(__rlimit_resource resource, rlim_t most) {
    rlimit limit{};
    if (getrlimit(resource, &limit) == 0 && limit.rlim_max < most)
        most = limit.rlim_max;
    limit = {most, most};
    setrlimit(resource, &limit);
}

/// Mapped libraries count in no limit but RLIMIT_AS: a large one must not make ldconfig leave
/// it out. What the program allocates itself is bounded.
void set_limits() {
    constexpr rlim_t mebibyte = 1 << 20;
    set_limit(RLIMIT_CPU, 20);
    set_limit(RLIMIT_DATA, 512 * mebibyte);
    set_limit(RLIMIT_FSIZE, 16 * mebibyte);
    set_limit(RLIMIT_NOFILE, 64);
    set_limit(RLIMIT_CORE, 0);
}

/// Root keeps CAP_DAC_READ_SEARCH over exec, by the bounding set, and nothing else.
Status drop_capabilities() {
    for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
        if (capability != CAP_DAC_READ_SEARCH && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0
            && errno != EINVAL && errno != EPERM)
            return system_error("drop a capability");
    // without CAP_SETPCAP the bounding set stays, but exec cannot give more than is permitted
    return keep_capabilities({CAP_DAC_READ_SEARCH});
}

Status become(const Caged& caged, FdRef messages) {
    create_files_as({}); // exec would clear the next line for a foreign fsuid
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    GRAPNEL_TRY(enter_root(caged));
    GRAPNEL_TRY(attach_scratch(caged));
    // no dup2: it would keep close-on-exec from being set for an equal pair
    for (int fd = 1; fd <= 2; ++fd)
        if (dup3(messages.value, fd, 0) < 0)
            return system_error("dup3");
    close(0);
    if (::open(".", O_PATH) != 0) // something that cannot be read stands for stdin
        return system_error("open stdin");
    GRAPNEL_TRY(drop_capabilities());
    set_limits();
    std::vector<char*> arguments;
    for (const auto& argument : caged.arguments)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    GRAPNEL_TRY(filter_ldconfig());
    syscall(SYS_execveat, caged.program.value, "", arguments.data(), environment.data(),
            AT_EMPTY_PATH);
    return system_error("execveat");
}

std::string last_words(FdRef messages) {
    if (lseek(messages.value, 0, SEEK_SET) != 0)
        return {};
    auto text = read_all(messages, std::size_t{16} << 20, "messages");
    if (!text)
        return {};
    while (text->ends_with('\n'))
        text->pop_back();
    return text->substr(text->rfind('\n') + 1); // npos + 1 is 0: all of a single line
}

Status judge(const Caged& caged, const siginfo_t& ended, FdRef messages) {
    if (ended.si_code == CLD_EXITED && ended.si_status == 0)
        return {};
    const auto words = last_words(messages);
    const auto how = ended.si_code == CLD_EXITED
                         ? "failed with status " + std::to_string(ended.si_status)
                         : "was ended by signal " + std::to_string(ended.si_status);
    return refused(caged.arguments.front() + " " + how
                       + (words.empty() ? std::string() : ": " + quote(words)),
                   "ldcache = \"off\" in the settings starts the container without it");
}

Status wait_for(const Caged& caged, FdRef pidfd, FdRef messages) {
    pollfd ready{pidfd.value, POLLIN, 0};
    int count = 0;
    do
        count = poll(&ready, 1, time_limit_ms);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        syscall(SYS_pidfd_send_signal, pidfd.value, SIGKILL, nullptr, 0);
    siginfo_t ended{};
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd.value), &ended, WEXITED) != 0)
        if (errno != EINTR)
            return system_error("waitid");
    if (count == 0)
        return refused(caged.arguments.front() + " took longer than 30 seconds",
                       "ldcache = \"off\" in the settings starts the container without it");
    return judge(caged, ended, messages);
}

} // namespace

Result<Fd> sealed_copy(const HostPath& program) {
    const auto source = GRAPNEL_TRY(open_host_file(program));
    auto copy = memory_file("grapnel-caged", MFD_ALLOW_SEALING);
    if (!copy.valid())
        return call_error("memfd_create", program.text());
    for (;;) {
        const auto count = sendfile(copy.ref().value, source.ref().value, nullptr, 1 << 24);
        if (count < 0)
            return system_error("copy " + program.text());
        if (count == 0)
            break;
    }
    if (fcntl(copy.ref().value, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
        != 0)
        return system_error("seal the copy of " + program.text());
    return copy;
}

Status run_caged(const Caged& caged) {
    const auto messages = memory_file("grapnel-messages", 0);
    if (!messages.valid())
        return call_error("memfd_create", "for messages");
    constexpr unsigned long namespaces =
        CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;
    int pidfd = -1;
    const auto pid =
        syscall(SYS_clone, namespaces | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
    if (pid < 0)
        return call_error("clone", "into new namespaces");
    if (pid == 0) {
        const auto failed = become(caged, messages.ref());
        const auto line = failed.error().text();
        (void)write_all(messages.ref(), line, "messages"); // nobody is left to tell
        _exit(exit_setup_failed);
    }
    const Fd child(pidfd);
    return wait_for(caged, child.ref(), messages.ref());
}

} // namespace grapnel::sys
