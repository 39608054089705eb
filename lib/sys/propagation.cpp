// SPDX-License-Identifier: Apache-2.0
#include "sys/propagation.hpp"

#include "sys/file.hpp"
#include "sys/kernel.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int depth_limit = 256;

/// Linux before 5.12 has no mount_setattr; mount(2) reaches a directory without its path.
bool set_on_directory(FdRef root, unsigned long flag) {
    return fchdir(root.value) == 0 && mount(nullptr, ".", nullptr, flag, nullptr) == 0;
}

/// Of Linux 6.8, which many systems' headers lack.
constexpr long call_statmount = 457;
constexpr unsigned unique_mount_id = 0x4000; // STATX_MNT_ID_UNIQUE
constexpr std::uint64_t basic_of_mount = 2;  // STATMOUNT_MNT_BASIC

struct MountRequest { // mnt_id_req
    std::uint32_t size = sizeof(MountRequest);
    std::uint32_t reserved = 0;
    std::uint64_t mount = 0;
    std::uint64_t asked = basic_of_mount;
};

struct MountAnswer { // statmount
    std::uint32_t size = 0;
    std::uint32_t options = 0;
    std::uint64_t answered = 0;
    std::array<std::uint64_t, 3> of_superblock = {};
    std::uint64_t id = 0;
    std::uint64_t parent = 0;
    std::array<std::uint32_t, 2> old_ids = {};
    std::uint64_t attributes = 0;
    std::uint64_t propagation = 0;
    std::uint64_t peer_group = 0;
    std::array<std::uint64_t, 53> rest = {}; // later kernels write more
};
static_assert(sizeof(MountAnswer) == 512);

} // namespace

std::optional<MountGroup> mount_group(FdRef fd) {
    struct statx found {};
    if (statx(fd.value, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, unique_mount_id, &found) != 0
        || (found.stx_mask & unique_mount_id) == 0)
        return std::nullopt;
    const MountRequest request{.mount = found.stx_mnt_id};
    MountAnswer answer;
    if (syscall(call_statmount, &request, &answer, sizeof answer, 0U) != 0
        || (answer.answered & basic_of_mount) == 0)
        return std::nullopt;
    return MountGroup{answer.peer_group == 0 ? std::nullopt : std::optional(answer.peer_group)};
}

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
