// SPDX-License-Identifier: Apache-2.0
#include "sys/remount.hpp"

#include "base/text.hpp"
#include "sys/child.hpp"
#include "sys/file.hpp"
#include "sys/mount_list.hpp"
#include "sys/proc_self.hpp"

#include <algorithm>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace grapnel::sys {

namespace {

constexpr int remount_time_limit_ms = 10'000;

// Linux 5.10; statfs(2) and mount(2)
constexpr unsigned long statfs_nosymfollow = 0x2000;
constexpr unsigned long mount_nosymfollow = 256;

unsigned long flags_of(const MountOptions& options) {
    return (options.read_only ? unsigned{MS_RDONLY} : 0U)
           | (options.nosuid ? unsigned{MS_NOSUID} : 0U) | (options.nodev ? unsigned{MS_NODEV} : 0U)
           | (options.noexec ? unsigned{MS_NOEXEC} : 0U);
}

/// A remount clears the flags that it does not name, except the access time flags. In a user
/// namespace the kernel refuses to clear a locked flag (mount_namespaces(7)).
Result<unsigned long> present_flags(FdRef mount) {
    constexpr unsigned long same = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
    struct statfs found {};
    if (fstatfs(mount.value, &found) != 0)
        return system_error("fstatfs on a mount");
    const auto flags = static_cast<unsigned long>(found.f_flags);
    return (flags & same) | ((flags & statfs_nosymfollow) != 0 ? mount_nosymfollow : 0);
}

/// mount(2) takes paths alone: as a name in /proc/self/fd, which is this process's working
/// directory, a path leads to the very mount of a descriptor.
class Remounter {
  public:
    static Result<Remounter> make() {
        auto descriptors = GRAPNEL_TRY(open_proc_self("fd", O_PATH | O_DIRECTORY));
        if (fchdir(descriptors.ref().value) != 0)
            return system_error("fchdir to /proc/self/fd");
        return Remounter();
    }

    [[nodiscard]] Status remount(FdRef tree, const MountOptions& options) const {
        const auto flags = GRAPNEL_TRY(present_flags(tree)) | flags_of(options);
        const auto name = std::to_string(tree.value);
        if (mount(nullptr, name.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) != 0)
            return system_error("remount");
        return make_private(tree, 0);
    }

    [[nodiscard]] Status make_private(FdRef tree, unsigned long recursive) const {
        const auto name = std::to_string(tree.value);
        if (mount(nullptr, name.c_str(), nullptr, MS_PRIVATE | recursive, nullptr) != 0)
            return system_error("make a mount private");
        return {};
    }

    [[nodiscard]] Status unmount(FdRef tree) const {
        if (umount2(std::to_string(tree.value).c_str(), MNT_DETACH) != 0)
            return system_error("umount");
        return {};
    }

  private:
    Remounter() = default;
};

/// Mount points for a directory and for a file of any other type.
struct MountPoints {
    Fd directory = {};
    Fd file = {};
};

Result<MountPoints> make_mount_points() {
    const auto tree = GRAPNEL_TRY(new_tmpfs("64k"));
    const auto root = GRAPNEL_TRY(open_host_path(host_path("/")));
    GRAPNEL_TRY(attach(tree.ref(), root.ref(), "/"));
    MountPoints points;
    points.directory = GRAPNEL_TRY(make_directory(tree.ref(), "directory"));
    GRAPNEL_TRY(make_file(tree.ref(), "file", "", 0600));
    points.file = Fd(openat(tree.ref().value, "file", O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!points.file.valid())
        return system_error("open a mount point");
    return points;
}

Status remount_and_detach(const Remounter& remounter, const DetachedMount& mount,
                          const MountPoints& points) {
    const bool directory = GRAPNEL_TRY(facts(mount.tree, "")).type == FileFacts::Type::directory;
    GRAPNEL_TRY(
        attach(mount.tree, directory ? points.directory.ref() : points.file.ref(), mount.name));
    GRAPNEL_TRY(remounter.remount(mount.tree, mount.options));
    const auto copy = GRAPNEL_TRY(clone_attached(mount.tree));
    GRAPNEL_TRY(remounter.unmount(mount.tree));
    if (dup3(copy.ref().value, mount.tree.value, O_CLOEXEC) < 0)
        return system_error("dup3");
    return {};
}

Status remount_in_child(std::span<const DetachedMount> mounts, FdRef parent) {
    GRAPNEL_TRY(end_with(parent));
    GRAPNEL_TRY(make_mounts_private());
    const auto points = GRAPNEL_TRY(make_mount_points());
    const auto remounter = GRAPNEL_TRY(Remounter::make());
    for (const auto& mount : mounts)
        GRAPNEL_TRY(remount_and_detach(remounter, mount, points).note(mount.name));
    return {};
}

bool has_options(const MountInfo& mount, const MountOptions& options) {
    const auto has = [&](bool wanted, const char* name) {
        return !wanted || std::ranges::find(mount.options, name) != mount.options.end();
    };
    return has(options.read_only, "ro") && has(options.nosuid, "nosuid")
           && has(options.nodev, "nodev") && has(options.noexec, "noexec");
}

/// The root of the topmost mount at a mount point below `root`.
Fd open_mount_point(FdRef root, const std::string& path) {
    struct open_how how {};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return Fd(static_cast<int>(syscall(SYS_openat2, root.value, path.c_str(), &how, sizeof how)));
}

/// Remounts each mount that lacks an option; returns whether there was one.
Result<bool> remount_the_rest(const Remounter& remounter, FdRef root, const MountOptions& options) {
    std::vector<MountInfo> lacking;
    GRAPNEL_TRY(visit_own_mounts([&](const MountLine& line) {
        auto mount = line.info();
        if (!has_options(mount, options))
            lacking.push_back(std::move(mount));
    }));
    bool changed = false;
    for (const auto& mount : lacking) {
        const auto found = open_mount_point(root, mount.point);
        if (!found.valid() || GRAPNEL_TRY(facts(found.ref(), "")).mount != mount.id)
            continue; // covered, or not below this root
        GRAPNEL_TRY(remounter.remount(found.ref(), options).note(mount.point));
        changed = true;
    }
    return changed;
}

} // namespace

Status remount_detached(std::span<const DetachedMount> mounts) {
    const auto messages = GRAPNEL_TRY(memory_file("grapnel-messages", MemoryFile::data));
    const auto become = [&](FdRef parent) -> Status {
        auto done = remount_in_child(mounts, parent);
        if (done)
            _exit(0);
        return done;
    };
    const auto ended = GRAPNEL_TRY(run_child({.become = become,
                                              .errors = messages.ref(),
                                              .time_limit_ms = remount_time_limit_ms,
                                              .namespaces = Child::Namespaces::mounts}));
    if (ended.how == Ended::How::exited && ended.number == 0)
        return {};
    const auto words = last_line(messages.ref());
    if (ended.how == Ended::How::exited && !words.empty())
        return refused(words);
    return refused("the process that sets the options of mounts was ended", "see the kernel's log");
}

Status remount_recursively(const char* path, const MountOptions& options) {
    const Fd root(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid())
        return system_error(std::string("open ") + path);
    const auto remounter = GRAPNEL_TRY(Remounter::make());
    GRAPNEL_TRY(remounter.make_private(root.ref(), MS_REC));
    // a directory that somebody renames meanwhile uncovers another mount
    for (int attempt = 0; attempt < 8; ++attempt)
        if (!GRAPNEL_TRY(remount_the_rest(remounter, root.ref(), options))) {
            if (fchdir(root.ref().value) != 0)
                return system_error("fchdir");
            return {};
        }
    return refused("the mounts change while their options are set", "start the container again");
}

} // namespace grapnel::sys
