// SPDX-License-Identifier: Apache-2.0
// Mounts by descriptor alone (open_tree(2), mount_setattr(2), move_mount(2), fsopen(2)).
// A mount gets its attributes before anybody can see it, and is private from the start, so
// that it never shows up on the host. Needs Linux 5.12.
#pragma once

#include "base/mount_options.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <string>

namespace grapnel::sys {

/// A detached copy of the mount at `path`, showing what lies there: one file or directory,
/// without the mounts below it. A link at the end of `path` is followed only if asked for.
enum class LastLink { follow, keep };
[[nodiscard]] Result<Fd> clone_tree(const HostPath& path, LastLink last_link,
                                    const MountOptions& options);

/// A detached copy of a mount that is attached in this process's mount namespace.
[[nodiscard]] Result<Fd> clone_attached(FdRef mount, const MountOptions& options);

/// The same of a file below it; `path` is trusted, and so is what lies there.
[[nodiscard]] Result<Fd> clone_attached_file(FdRef mount, const std::string& path,
                                             const MountOptions& options);

/// A detached, recursive copy of what `directory` shows, with those options on all of it.
[[nodiscard]] Result<Fd> clone_recursively(FdRef directory, const MountOptions& options);

/// A detached, empty tmpfs that this user can write to, also while files are created as another
/// user; `size` as tmpfs(5) has it.
[[nodiscard]] Result<Fd> new_tmpfs(const char* size);

/// Every mount of this process's mount namespace made read-only, nosuid and private. Device nodes,
/// sockets and FIFOs can be written to all the same.
[[nodiscard]] Status protect_all_mounts();

[[nodiscard]] Status set_options(FdRef tree, const MountOptions& options);

/// Attaches a detached tree on top of `target`, which must lie in the mount namespace that this
/// process is in. `what` names it in errors.
[[nodiscard]] Status attach(FdRef tree, FdRef target, const std::string& what);

} // namespace grapnel::sys
