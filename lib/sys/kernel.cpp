// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel.hpp"

#include "base/version.hpp"

#include <cerrno>
#include <sys/utsname.h>

namespace grapnel::sys {

namespace {

/// The newest system call that the program cannot do without is openat2(2), of Linux 5.6.
bool is_too_old(const std::string& release) {
    const auto version =
        Version::parse(release.substr(0, release.find_first_not_of("0123456789.")));
    return version && *version < Version{{5, 6}};
}

/// Profiles of older engines answer EPERM to a call that they do not know. The kernel never answers
/// so to openat2 and pidfd_open as they are used here.
std::string cure_of_denial(const std::string& call) {
    if (errno != EPERM)
        return "";
    if (call == "setns")
        return "the hook needs CAP_SYS_ADMIN and CAP_SYS_CHROOT: start the runtime as root, and "
               "allow setns in the seccomp profile of an outer container";
    if (call != "openat2" && call != "pidfd_open")
        return "";
    return "the seccomp profile of an outer container may deny it: allow " + call
           + " there, and update its libseccomp";
}

} // namespace

Error call_error(const char* call, const std::string& object) {
    if (errno != ENOSYS)
        return system_error(std::string(call) + " " + object, cure_of_denial(call));
    struct utsname name {};
    const std::string release = uname(&name) == 0 ? name.release : "?";
    if (is_too_old(release))
        return refused("this kernel (" + release + ") lacks the system call " + call,
                       "Linux 5.6 or newer is needed");
    return refused("the system call " + std::string(call)
                       + " is denied by a seccomp filter, or this kernel (" + release
                       + ") is built without it",
                   "allow it in the seccomp profile of the outer container, and update its "
                   "libseccomp");
}

} // namespace grapnel::sys
