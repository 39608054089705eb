// SPDX-License-Identifier: Apache-2.0
// The container's first process, held so that its ID cannot come to mean another one.
#pragma once

#include "base/result.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace grapnel::sys {

class Process {
  public:
    /// Holds the process by pidfd and by its directory in /proc, which is checked to be procfs.
    [[nodiscard]] static Result<Process> open(pid_t pid);

    /// An error once the process has ended.
    [[nodiscard]] Status alive() const;

    /// Identifies a mount namespace: the inode of ns/mnt (namespaces(7)).
    [[nodiscard]] Result<std::uint64_t> mount_namespace() const;

    /// The same for its user namespace.
    [[nodiscard]] Result<std::uint64_t> user_namespace() const;

    /// A file of its directory in /proc.
    [[nodiscard]] Result<std::string> read(const char* name) const;

    /// Its root directory, as a path that leads into its mount namespace.
    [[nodiscard]] Result<Fd> root() const;

    /// Makes its user namespace this process's own, with every Linux capability in it, and a copy
    /// of this process's mount namespace that belongs to it. For a hook that runs unprivileged as
    /// the owner of the namespace. Fails for a process that is not dumpable (PR_SET_DUMPABLE).
    [[nodiscard]] Status enter_user_namespace() const;

    /// Makes its mount namespace this process's own. Root and working directory become that
    /// namespace's root.
    [[nodiscard]] Status enter_mount_namespace() const;

  private:
    Process(Fd pidfd, Fd directory, pid_t pid)
        : pidfd_(std::move(pidfd)), directory_(std::move(directory)), pid_(pid) {}
    Fd pidfd_;
    Fd directory_;
    pid_t pid_;
};

/// The identity of this process's own namespaces.
[[nodiscard]] Result<std::uint64_t> own_mount_namespace();
[[nodiscard]] Result<std::uint64_t> own_user_namespace();

/// Whether that is the mount namespace that the kernel started in: the host's.
[[nodiscard]] bool is_initial_mount_namespace(std::uint64_t identity);

/// Whether this process is root of the initial user namespace (user_namespaces(7): its map is
/// the identity on all IDs).
[[nodiscard]] bool in_initial_user_namespace();

/// Whether this process may change its groups.
[[nodiscard]] bool may_change_groups();

/// Whether that group is one of this process's user namespace, not overflowgid, the one in the
/// place of all others.
[[nodiscard]] bool has_group(std::uint32_t group);

/// The user of this process in the parent user namespace; nothing for root of the initial user
/// namespace.
[[nodiscard]] std::optional<std::uint32_t> unprivileged_user();

/// Such a user's /run/user/ID, if it belongs to this process and nobody else may write there: in a
/// user namespace the number can be that of another user inside.
[[nodiscard]] std::optional<HostPath> own_run_directory();

/// The user and group that files are created as in file systems: the container's root as the
/// host sees it. Linux capabilities stay as they are.
void create_files_as(const FileOwner& owner);

/// Whom this process is.
[[nodiscard]] FileOwner own_user();

} // namespace grapnel::sys
