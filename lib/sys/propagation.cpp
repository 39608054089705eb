// SPDX-License-Identifier: Apache-2.0
#include "sys/propagation.hpp"

#include "sys/file.hpp"
#include "sys/kernel.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int depth_limit = 256;

/// Linux before 5.12 has no mount_setattr; mount(2) reaches a directory without its path.
bool set_on_directory(FdRef root, unsigned long flag) {
    return fchdir(root.value) == 0 && mount(nullptr, ".", nullptr, flag, nullptr) == 0;
}

} // namespace

Result<Fd> mount_root(FdRef directory, std::uint64_t id) {
    auto fd = GRAPNEL_TRY(duplicate(directory));
    for (int depth = 0; depth < depth_limit; ++depth) {
        const auto found = GRAPNEL_TRY(facts(fd.ref(), ""));
        if (found.mount != id)
            return refused("the directory was moved to another mount");
        if (found.mount_root)
            return fd;
        fd = Fd(openat(fd.ref().value, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!fd.valid())
            return system_error("open the parent directory");
    }
    return refused("the directory lies more than " + std::to_string(depth_limit)
                   + " directories below the root of its mount");
}

Status set_propagation(FdRef root, Propagation propagation) {
    struct mount_attr wanted {};
    wanted.propagation = propagation == Propagation::slave ? MS_SLAVE : MS_SHARED;
    if (mount_setattr(root.value, "", AT_EMPTY_PATH, &wanted, sizeof wanted) == 0)
        return {};
    if (errno == ENOSYS && set_on_directory(root, wanted.propagation))
        return {};
    return call_error("mount_setattr", "the propagation of a mount");
}

bool has_locked_mounts(const HostPath& path) {
    // a copy without them would show the files that they cover
    const Fd copy(open_tree(AT_FDCWD, path.text().c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    return !copy.valid() && errno == EINVAL;
}

Result<Fd> duplicate(FdRef fd) {
    Fd copy(fcntl(fd.value, F_DUPFD_CLOEXEC, 0));
    if (!copy.valid())
        return system_error("fcntl F_DUPFD_CLOEXEC");
    return copy;
}

} // namespace grapnel::sys
