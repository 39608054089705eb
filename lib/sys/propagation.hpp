// SPDX-License-Identifier: Apache-2.0
// Propagation of attached mounts (mount_namespaces(7)).
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <optional>

namespace grapnel::sys {

/// The root of the mount `id`, found from `directory` on it by "..". Refused where `directory` lies
/// on another mount, or too deep in that one.
[[nodiscard]] Result<Fd> mount_root(FdRef directory, std::uint64_t id);

/// The peer group of an attached mount.
struct MountGroup {
    std::optional<std::uint64_t> id = {}; ///< nothing: it shares with no other
};

/// Of the mount of the descriptor's file. Nothing where the kernel cannot tell: before Linux 6.8,
/// which has statmount(2), and for a mount that is not below this process's root.
[[nodiscard]] std::optional<MountGroup> mount_group(FdRef fd);

/// Sets the propagation of one attached mount, by its root; the mounts below it keep theirs. A
/// slave receives mounts and sends none. It is a slave of its former peers; without peers it stays
/// a slave of its master; without a master it is private.
enum class Propagation { slave, shared };
[[nodiscard]] Status set_propagation(FdRef root, Propagation propagation);

/// Whether mounts below that of `path` are locked to it (mount_namespaces(7)): they came with it
/// from a mount namespace of more rights. False where that cannot be told.
[[nodiscard]] bool has_locked_mounts(const HostPath& path);

/// Another descriptor of the same file: keeps its mount, and with it the mount's ID, in use.
[[nodiscard]] Result<Fd> duplicate(FdRef fd);

} // namespace grapnel::sys
