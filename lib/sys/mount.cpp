// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.hpp"

#include "base/text.hpp"
#include "sys/kernel.hpp"
#include "sys/remount.hpp"

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

Error mount_error(const char* call, const std::string& object) {
    auto error = call_error(call, object);
    if (error.sys == EPERM)
        error.cure = "the hook needs CAP_SYS_ADMIN where the mounts belong: start the runtime as "
                     "root, or in a user namespace with a mount namespace of its own";
    return error;
}

struct mount_attr attributes(const MountOptions& options) {
    struct mount_attr out {};
    out.attr_set = (options.read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0)
                   | (options.nosuid ? std::uint64_t{MOUNT_ATTR_NOSUID} : 0)
                   | (options.nodev ? std::uint64_t{MOUNT_ATTR_NODEV} : 0)
                   | (options.noexec ? std::uint64_t{MOUNT_ATTR_NOEXEC} : 0);
    out.propagation = MS_PRIVATE;
    return out;
}

Result<Fd> clone_below(FdRef place, unsigned recursive) {
    Fd tree(open_tree(place.value, "",
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive));
    if (!tree.valid())
        return mount_error("open_tree", "of a mount in the container");
    return tree;
}

Result<Fd> make_tmpfs(const char* size, const FileOwner& owner, const std::string& label) {
    const Fd context(fsopen("tmpfs", FSOPEN_CLOEXEC));
    if (!context.valid())
        return mount_error("fsopen", "tmpfs");
    const int fd = context.ref().value;
    if (!label.empty() && fsconfig(fd, FSCONFIG_SET_STRING, "context", label.c_str(), 0) != 0)
        return mount_error("fsconfig context", "tmpfs");
    const auto user = std::to_string(owner.user);
    const auto group = std::to_string(owner.group);
    if (fsconfig(fd, FSCONFIG_SET_STRING, "size", size, 0) != 0
        || fsconfig(fd, FSCONFIG_SET_STRING, "mode", "0755", 0) != 0
        || fsconfig(fd, FSCONFIG_SET_STRING, "uid", user.c_str(), 0) != 0
        || fsconfig(fd, FSCONFIG_SET_STRING, "gid", group.c_str(), 0) != 0
        || fsconfig(fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
        return mount_error("fsconfig", "tmpfs");
    Fd tree(fsmount(fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    if (!tree.valid())
        return mount_error("fsmount", "tmpfs");
    return tree;
}

} // namespace

Result<Fd> clone_tree(const HostPath& path, LastLink last_link) {
    const unsigned follow = last_link == LastLink::follow ? 0U : unsigned{AT_SYMLINK_NOFOLLOW};
    Fd tree(open_tree(AT_FDCWD, path.text().c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | follow));
    if (!tree.valid())
        return mount_error("open_tree", path.text());
    return tree;
}

Result<Fd> clone_attached(FdRef mount) {
    return clone_below(mount, 0);
}

Result<Fd> clone_attached_file(FdRef mount, const std::string& path) {
    Fd tree(open_tree(mount.value, path.c_str(),
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | unsigned{AT_SYMLINK_NOFOLLOW}));
    if (!tree.valid())
        return mount_error("open_tree", path);
    return tree;
}

Result<Fd> clone_recursively(FdRef directory) {
    return clone_below(directory, AT_RECURSIVE);
}

Result<Fd> new_tmpfs(const char* size, const FileOwner& owner, const std::string& label) {
    auto made = make_tmpfs(size, owner, label);
    // a kernel without SELinux does not know the option; a policy can deny the label to the engine
    if (!made && !label.empty())
        made = make_tmpfs(size, owner, {});
    return made;
}

Status set_options(std::span<const DetachedMount> mounts) {
    for (const auto& mount : mounts) {
        auto wanted = attributes(mount.options);
        if (mount_setattr(mount.tree.value, "", AT_EMPTY_PATH, &wanted, sizeof wanted) == 0)
            continue;
        return errno == ENOSYS ? remount_detached(mounts)
                               : mount_error("mount_setattr", quote(mount.name));
    }
    return {};
}

Status set_options_recursively(const char* path, const MountOptions& options) {
    auto wanted = attributes(options);
    if (mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &wanted, sizeof wanted) == 0)
        return {};
    return errno == ENOSYS ? remount_recursively(path, options)
                           : mount_error("mount_setattr", quote(path));
}

Status attach(FdRef tree, FdRef target, const std::string& what) {
    if (move_mount(tree.value, "", target.value, "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        != 0)
        return mount_error("move_mount", quote(what));
    return {};
}

} // namespace grapnel::sys
