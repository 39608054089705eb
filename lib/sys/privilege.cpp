// SPDX-License-Identifier: Apache-2.0
#include "sys/privilege.hpp"

#include "base/text.hpp"
#include "sys/capabilities.hpp"
#include "sys/file.hpp"
#include "sys/kernel.hpp"
#include "sys/proc_self.hpp"
#include "sys/process.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

/// A descriptor that was closed for us would be given to the first file that is opened, and
/// messages for stderr would be written to it.
Status open_standard_descriptors(int flags = 0) {
    for (int fd = 0; fd <= 2; ++fd)
        if (fcntl(fd, F_GETFD) < 0
            && ::open("/dev/null", O_RDWR | flags) < 0) // the lowest one that is free: fd
            return system_error("open /dev/null");
    return {};
}

} // namespace

Status close_inherited_descriptors() {
    constexpr int first = 3;
    forget_procfs();
    if (syscall(SYS_close_range, unsigned{first}, ~0U, 0U) == 0)
        return {};
    // before Linux 5.9
    const auto directory = GRAPNEL_TRY(open_host_directory(host_path("/proc/self/fd")));
    for (const auto& name : GRAPNEL_TRY(directory_names(directory.ref(), "/proc/self/fd"))) {
        const auto number = parse_number<int>(name);
        if (number && *number >= first && *number != directory.ref().value)
            close(*number);
    }
    return {};
}

Status hold_standard_descriptors() {
    return open_standard_descriptors(O_CLOEXEC);
}

Status confine_process() {
    // root of a container that sees the host's processes could otherwise look into this one and
    // change it as soon as it has no more Linux capabilities than that root
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_DUMPABLE");
    GRAPNEL_TRY(close_inherited_descriptors());
    GRAPNEL_TRY(open_standard_descriptors());
    umask(022);
    constexpr rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    // an error line that nobody reads must not end the program before its exit code
    (void)std::signal(SIGPIPE, SIG_IGN);
    // a file beyond its limit is an error of write(2), which names the file
    (void)std::signal(SIGXFSZ, SIG_IGN);
    // both survive exec: a child could not be waited for, a limit could not end it
    (void)std::signal(SIGCHLD, SIG_DFL);
    sigset_t none_blocked{};
    (void)sigemptyset(&none_blocked);
    (void)sigprocmask(SIG_SETMASK, &none_blocked, nullptr);
    return set_no_new_privileges();
}

Status set_no_new_privileges() {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error("prctl PR_SET_NO_NEW_PRIVS");
    return {};
}

Status begin_program() {
    if (getauxval(AT_SECURE) != 0)
        return refused("this program is not to be installed setuid or with file capabilities",
                       "use sudo");
    GRAPNEL_TRY(open_standard_descriptors());
    umask(022);
    // a reader that goes away must not end the program between two files
    (void)std::signal(SIGPIPE, SIG_IGN);
    return {};
}

Status set_groups(const std::vector<std::uint32_t>& groups) {
    if (setgroups(groups.size(), groups.data()) == 0)
        return {};
    const auto failed = system_error("setgroups");
    return failed.sys == EPERM && !in_initial_user_namespace() ? Status() : Status(failed);
}

Status become_user(const FileOwner& user) {
    if (setresgid(user.group, user.group, user.group) != 0)
        return system_error("setresgid to " + std::to_string(user.group));
    if (setresuid(user.user, user.user, user.user) != 0)
        return system_error("setresuid to " + std::to_string(user.user));
    forget_capabilities();
    return {};
}

} // namespace grapnel::sys
