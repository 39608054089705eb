// SPDX-License-Identifier: Apache-2.0
#include "sys/seccomp.hpp"

#include "seccomp_filters.hpp"

#include <cerrno>
#include <linux/seccomp.h>
#include <span>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

Status load(std::span<const sock_filter> code) {
    const sock_fprog program{static_cast<unsigned short>(code.size()),
                             const_cast<sock_filter*>(code.data())};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0 && errno != ENOSYS
        && errno != EINVAL) // a kernel without seccomp
        return system_error("seccomp");
    return {};
}

} // namespace

Status filter_hook() {
    return load(hook_filter);
}

Status filter_probe() {
    return load(probe_filter);
}

Status filter_ldconfig() {
    return load(ldconfig_filter);
}

} // namespace grapnel::sys
