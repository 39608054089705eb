// SPDX-License-Identifier: Apache-2.0
// The directory of the records of residue.hpp, and what is asked before one is changed.
#pragma once

#include "apply/mountinfo.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace grapnel::apply {

struct ResiduePlace {
    HostPath path = {};
    sys::Fd records = {};
    sys::Fd parent = {}; ///< where the lock lies

    [[nodiscard]] HostPath lock_path() const;
};

/// In the order in which they are tried: /run/grapnel/containers, and for a user who may not write
/// there /run/user/ID/grapnel/containers. No other user's: nobody else may decide what is removed.
[[nodiscard]] std::vector<HostPath> residue_paths();

[[nodiscard]] Result<ResiduePlace> open_residue_place(const HostPath& path);

/// The first that can be made, with mode 0700. To be opened before a container's mount namespace
/// is entered.
[[nodiscard]] Result<ResiduePlace> make_residue_place();

/// Keeps other processes from a root file system's records, and from undoing or claiming what is in
/// it, until the result goes. Each root file system has a lock of its own: one that does not answer
/// holds up nobody else. An error of EBUSY if another process had it for all of that time.
constexpr int lock_limit_ms = 10'000;
[[nodiscard]] Result<sys::Fd> lock_rootfs(const ResiduePlace& place, const HostPath& rootfs,
                                          int time_limit_ms = lock_limit_ms);

/// Whether nothing is left of a root file system. `mounts` are this process's. Where the question
/// could take long no answer is had, and it counts as there: a network's file system, or one that
/// a program serves, may never answer.
[[nodiscard]] bool is_gone(const HostPath& rootfs, const std::vector<MountInfo>& mounts);

/// FNV-1a: the same in every version of this program.
[[nodiscard]] std::uint64_t number_of(std::string_view text);

} // namespace grapnel::apply
