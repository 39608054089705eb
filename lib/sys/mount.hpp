// SPDX-License-Identifier: Apache-2.0
// Mounts by descriptor alone (open_tree(2), mount_setattr(2), move_mount(2), fsopen(2)).
// A mount gets its options before anybody can see it, and is private from then on, so that it
// never shows up on the host. Linux before 5.12 has no mount_setattr(2): see remount.hpp.
#pragma once

#include "base/mount_options.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/process.hpp"

#include <span>
#include <string>

namespace grapnel::sys {

/// A detached copy of the mount at `path`, with the file or directory there as its root, without
/// the mounts below it, and with that mount's options. A link at the end of `path` is followed only
/// if asked for.
enum class LastLink { follow, keep };
[[nodiscard]] Result<Fd> clone_tree(const HostPath& path, LastLink last_link);

/// A detached copy of a mount that is attached in this process's mount namespace.
[[nodiscard]] Result<Fd> clone_attached(FdRef mount);

/// The same of a file below it; `path` and the files there are trusted.
[[nodiscard]] Result<Fd> clone_attached_file(FdRef mount, const std::string& path);

/// A detached, recursive copy of the mount with `directory` as its root.
[[nodiscard]] Result<Fd> clone_recursively(FdRef directory);

/// A detached, empty tmpfs with a root directory that belongs to `owner`; `size` as tmpfs(5) has
/// it. The default can write to it also while files are created as another user. All files on it
/// have the SELinux label `label`, where there is one and the kernel has SELinux.
[[nodiscard]] Result<Fd> new_tmpfs(const char* size, const FileOwner& owner = own_user(),
                                   const std::string& label = {});

struct DetachedMount {
    FdRef tree = {};
    MountOptions options = {};
    std::string name = {}; ///< in errors
};

/// Adds these options to detached mounts, and makes each private.
[[nodiscard]] Status set_options(std::span<const DetachedMount> mounts);

/// The same for the mount at `path` and every mount below it, in a mount namespace of this
/// process's own. Device nodes, sockets and FIFOs of a read-only mount can be written to all the
/// same.
[[nodiscard]] Status set_options_recursively(const char* path, const MountOptions& options);

/// Attaches a detached tree on top of `target`, which must lie in this process's mount namespace.
/// `what` names it in errors.
[[nodiscard]] Status attach(FdRef tree, FdRef target, const std::string& what);

} // namespace grapnel::sys
