// SPDX-License-Identifier: Apache-2.0
#include "sys/child.hpp"

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/kernel.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U // Linux 6.3
#endif

namespace grapnel::sys {

namespace {

constexpr int exit_setup_failed = 125; // of the child, before it became the program
constexpr int dying_limit_ms = 2'000;

struct Bond {
    Fd parent = {}; ///< a pidfd
    int status = 0;
};

Bond& bond() {
    static Bond held;
    return held;
}

unsigned long clone_flags(Child::Namespaces namespaces) {
    switch (namespaces) {
    case Child::Namespaces::mounts:
        return CLONE_NEWNS | CLONE_FILES;
    case Child::Namespaces::all:
        return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;
    case Child::Namespaces::none:
        break;
    }
    return 0;
}

} // namespace

bool ends_within(FdRef pidfd, int milliseconds) {
    pollfd ready{pidfd.value, POLLIN, 0};
    int count = 0;
    do
        count = poll(&ready, 1, milliseconds);
    while (count < 0 && errno == EINTR);
    return count > 0;
}

Result<Ended> wait_for(FdRef pidfd, int time_limit_ms) {
    const bool in_time = ends_within(pidfd, time_limit_ms);
    if (!in_time) {
        syscall(SYS_pidfd_send_signal, pidfd.value, SIGKILL, nullptr, 0);
        if (!ends_within(pidfd, dying_limit_ms))
            return Ended{.how = Ended::How::unkillable};
    }
    siginfo_t ended{};
    while (waitid(P_PIDFD, static_cast<id_t>(pidfd.value), &ended, WEXITED) != 0)
        if (errno != EINTR)
            return system_error("waitid");
    if (!in_time)
        return Ended{.how = Ended::How::too_slow};
    return Ended{.how = ended.si_code == CLD_EXITED ? Ended::How::exited : Ended::How::by_signal,
                 .number = ended.si_status};
}

Result<Fd> memory_file(const char* name, MemoryFile kind, unsigned flags) {
    const unsigned executable = kind == MemoryFile::executable ? MFD_EXEC : 0U;
    Fd file(memfd_create(name, flags | MFD_CLOEXEC | executable));
    if (!file.valid() && errno == EINVAL) // before Linux 6.3 every memfd is executable
        file = Fd(memfd_create(name, flags | MFD_CLOEXEC));
    if (!file.valid() && errno == EACCES)
        return system_error("memfd_create " + quote(name),
                            "the sysctl vm.memfd_noexec forbids to run a program from memory: "
                            "run 'sysctl vm.memfd_noexec=1'");
    if (!file.valid())
        return call_error("memfd_create", name);
    return file;
}

Result<Ended> run_child(const Child& child) {
    const Fd parent(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    if (!parent.valid())
        return call_error("pidfd_open", "of this process");
    int pidfd = -1;
    const auto flags = clone_flags(child.namespaces) | CLONE_PIDFD | SIGCHLD;
    const auto pid = syscall(SYS_clone, flags, nullptr, &pidfd, nullptr, nullptr);
    if (pid < 0)
        return call_error("clone", child.namespaces == Child::Namespaces::none
                                       ? "of the hook"
                                       : "into new namespaces");
    if (pid == 0) {
        const auto failed = child.become(parent.ref());
        const auto line = failed ? std::string("it came back") : failed.error().text();
        (void)write_all(child.errors, line, "messages"); // nobody is left to tell
        _exit(exit_setup_failed);
    }
    const Fd held(pidfd);
    return wait_for(held.ref(), child.time_limit_ms);
}

Status end_with(FdRef parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_PDEATHSIG");
    if (ends_within(parent, 0))
        return refused("the hook was ended");
    return {};
}

void stay_with(Fd parent, int status) {
    bond() = {std::move(parent), status};
    renew_stay();
}

void renew_stay() {
    if (bond().parent.valid() && !end_with(bond().parent.ref()))
        _exit(bond().status);
}

Status make_mounts_private() {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error("make the mounts private");
    return {};
}

Status use_descriptors(FdRef output, FdRef errors) {
    // no dup2: it would keep close-on-exec from being set for an equal pair
    if (dup3(output.value, 1, 0) < 0 || dup3(errors.value, 2, 0) < 0)
        return system_error("dup3");
    close(0);
    if (::open("/", O_PATH) != 0) // the working directory can be closed to this user
        return system_error("open stdin");
    return {};
}

Status execute(FdRef program, const std::vector<std::string>& arguments) {
    std::vector<char*> words;
    for (const auto& argument : arguments)
        words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    syscall(SYS_execveat, program.value, "", words.data(), environment.data(), AT_EMPTY_PATH);
    return system_error("execveat");
}

std::string last_line(FdRef file) {
    if (lseek(file.value, 0, SEEK_SET) != 0)
        return {};
    auto text = read_all(file, std::size_t{16} << 20, "messages");
    if (!text)
        return {};
    while (text->ends_with('\n'))
        text->pop_back();
    return text->substr(text->rfind('\n') + 1); // npos + 1 is 0: all of a single line
}

std::string describe(const Ended& ended, const std::string& words) {
    return (ended.how == Ended::How::exited ? "failed with status " : "was ended by signal ")
           + std::to_string(ended.number) + (words.empty() ? std::string() : ": " + quote(words));
}

} // namespace grapnel::sys
