// SPDX-License-Identifier: Apache-2.0
// Where cleanup records lie, and the lock of a root file system.
//
//   DIRECTORY/containers/ID-NUMBER.jsonl     the record of a container
//   DIRECTORY/roots/NN/NUMBER/ID-NUMBER      its claim on a root file system: claims.hpp
//   DIRECTORY/containers.lock                a byte of it for each root file system
//
// Each is found by its name. No directory is listed that grows with the number of containers: a
// start or a stop takes as long with 5,000 records as with one.
#pragma once

#include "base/mountinfo.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "confine/landlock.hpp"
#include "oci/state.hpp"
#include "sys/fd.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::apply {

struct RecordStore {
    HostPath path = {};
    sys::Fd directory = {};
    sys::Fd records = {};

    [[nodiscard]] HostPath lock_path() const;
    [[nodiscard]] HostPath record_path(const std::string& key) const;
};

/// Adds what a program needs beside a root file system and the records: its log.
using AllowLog = std::function<void(confine::FileRules&)>;

/// By Landlock, from now on no file is changed outside of the root file system that `rules` allow,
/// of the records and of the log, and none is read there but in /proc. Where the kernel has no
/// Landlock, nothing changes: the supervisor says so (confine/supervise.hpp).
void restrict_files(confine::FileRules& rules, const RecordStore* store, const AllowLog& allow_log);

/// In the order in which they are tried: /run/grapnel, and for a user without write access to it
/// /run/user/ID/grapnel. Never another user's: nobody else may decide about removals.
[[nodiscard]] std::vector<HostPath> store_paths();

[[nodiscard]] Result<RecordStore> open_record_store(const HostPath& path);

/// The first that can be made, with mode 0700. To be opened before a container's mount namespace
/// is entered.
[[nodiscard]] Result<RecordStore> make_record_store();

/// A container's name in the store: its ID, and a number made of the bundle's path, because two
/// engines can use one ID.
[[nodiscard]] std::string record_key(const State& state);
[[nodiscard]] std::string record_name(const std::string& key);

/// Where the claims on a root file system are, below the store.
[[nodiscard]] std::string claims_path(std::uint64_t rootfs_number);

/// Locks a root file system's records against other processes, and its creations against undoing
/// and claiming, until the result goes. Each root file system has a lock of its own: one that does
/// not answer holds up nobody else. An error of EBUSY if another process had it for all of that
/// time.
constexpr int lock_limit_ms = 10'000;
[[nodiscard]] Result<sys::Fd> lock_rootfs(const RecordStore& store, const HostPath& rootfs,
                                          int time_limit_ms = lock_limit_ms);

/// Whether a mount at that point lies at that path or holds it.
[[nodiscard]] bool concerns(std::string_view mount_point, const HostPath& rootfs);

/// Whether nothing is left of a root file system. `mounts` are the ones of this process's that
/// concern it, and can be more. Where the question
/// could take long no answer is had, and it counts as there: a network's file system, or one that
/// a program serves, may never answer.
[[nodiscard]] bool is_gone(const HostPath& rootfs, const std::vector<MountInfo>& mounts);

/// FNV-1a: the same in every version of this program.
[[nodiscard]] std::uint64_t number_of(std::string_view text);

} // namespace grapnel::apply
