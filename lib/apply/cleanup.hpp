// SPDX-License-Identifier: Apache-2.0
// Each creation of a start in a root file system is recorded before it is made, and removed when
// the container has ended.
//
// | comes to a root file system | another container uses it | no other container uses it |
// |-----------------------------|---------------------------|----------------------------|
// | a start                     | takes over stale records  | undoes stale records       |
// | poststop                    | hands its record over     | undoes its record          |
//
// A record is stale when its container's process has ended without poststop.
#pragma once

#include "apply/claims.hpp"
#include "apply/cleanup_record.hpp"
#include "apply/record_store.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "oci/state.hpp"
#include "sys/process_identity.hpp"
#include "sys/root_dir.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::apply {

/// A container's claim on its root file system, with its record open for further creations. From
/// then on the root file system is in use: nothing in it goes when another container that has it
/// ends.
class Claim {
  public:
    /// To be called before anything in the root file system is relied on or made. An error of EBUSY
    /// after ten seconds in which another process kept the root file system's lock.
    [[nodiscard]] static Result<Claim> make(const RecordStore& store, const State& state,
                                            const sys::ProcessIdentity& process,
                                            const StartFacts& start, const HostPath& rootfs,
                                            sys::RootDir& root);

    /// Adds a planned creation.
    [[nodiscard]] Status note(const sys::Creation& planned) const;

    /// Adds the creations, with more attributes than planned ones have. Without it the plans count.
    void complete(const std::vector<sys::Creation>& made) const;

    /// Takes the claim back if nothing is on record: the container did not start, and for such a
    /// one not every runtime calls poststop.
    [[nodiscard]] Status release(const RecordStore& store) const;

  private:
    Claim(std::string key, HostPath rootfs, sys::Fd record)
        : key_(std::move(key)), rootfs_(std::move(rootfs)), record_(std::move(record)) {}

    std::string key_;
    HostPath rootfs_;
    sys::Fd record_;
};

/// Undoes the creations of the container's record, newest first, and removes the record; or hands
/// it to another container that uses the root file system. Without a record it does nothing.
/// From the record on, files are restricted to the root file system, the records and the log.
/// Creations that could not be removed stay on record, with an error: a later call, or the next
/// start on that root file system, removes them.
[[nodiscard]] Status clean_up(const State& state, const AllowLog& allow_log);

/// Creations that are left after undoing.
struct Undone {
    std::vector<sys::Creation> skipped = {}; ///< not as they were made, or covered by a mount
    std::vector<sys::Creation> failed = {};  ///< still there
    Status status = {};                      ///< the first failure
};

/// Undoes creations, newest first. A failure keeps the others from nothing.
[[nodiscard]] Undone undo(sys::RootDir& root, const std::vector<sys::Creation>& creations);

/// The root file system of a record as the host sees it. Nothing where it is gone, or another is
/// at its path; an error where that cannot be told.
[[nodiscard]] Result<std::optional<sys::RootDir>> recorded_root(const CleanupRecord& record);

/// A record's first line names its root file system and is never changed. The other lines, which
/// take most of the time, are its creations.
enum class RecordPart { header, whole };

/// With RecordPart::header a record of no creations.
[[nodiscard]] Result<CleanupRecord> read_record(const RecordStore& store, const std::string& key,
                                                RecordPart part = RecordPart::whole);

/// Adds to the record of a container that uses the root file system too.
[[nodiscard]] Status hand_over(const RecordStore& store, const std::string& heir,
                               const std::vector<sys::Creation>& creations);

/// With its claim.
[[nodiscard]] Status remove_record(const RecordStore& store, const Claims& claims,
                                   const std::string& key);

} // namespace grapnel::apply
