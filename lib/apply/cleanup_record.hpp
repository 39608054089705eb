// SPDX-License-Identifier: Apache-2.0
// The cleanup record: all that a start makes in a root file system.
//
// A record is a text of JSON objects, one a line, that is only ever written at its end:
//
//   {"version":2,"rootfs":...,"gpus":...} when the root file system is claimed, before all else
//   {"path":...,"planned":...}            before each creation: also a killed start is on record
//   {"path":...,"inode":...}              after the last one: identifies each creation
//
// A line that was not written whole, by a process that was killed or for want of space, counts as
// not written. Version 1 was one JSON object without planned creations; poststop still understands
// it.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/process_identity.hpp"
#include "sys/root_dir.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::apply {

/// Tells a root file system from a later one at the same path: by the birth time of its root
/// directory, or by the inode where the file system has no such time.
struct RootIdentity {
    std::uint64_t inode = 0;
    std::int64_t born_ns = 0;

    [[nodiscard]] bool is(const RootIdentity& other) const {
        return born_ns != 0 && other.born_ns != 0 ? born_ns == other.born_ns : inode == other.inode;
    }
};
[[nodiscard]] Result<RootIdentity> identity_of(const sys::RootDir& root);

struct RecordedGpu {
    unsigned index = 0;
    std::uint32_t minor = 0;
    std::string uuid = {};             ///< empty on a platform without UUIDs
    std::vector<std::string> mig = {}; ///< MIG devices, by UUID or as GPU:DEVICE; empty: the GPU

    bool operator==(const RecordedGpu&) const = default;
};

/// Facts on a start, for `grapnel ps`. No cleanup depends on it: a record of an
/// earlier version lacks it, and a value that is no such fact counts as missing.
struct StartFacts {
    std::string bundle = {};
    std::string driver_version = {};
    std::vector<RecordedGpu> gpus = {};
    std::optional<sys::ProcessIdentity> process = {}; ///< the claim's (claims.hpp)

    bool operator==(const StartFacts&) const = default;
};

struct CleanupRecord {
    HostPath rootfs = {};
    std::optional<RootIdentity> root = {}; ///< nothing in version 1
    StartFacts start = {};
    std::vector<sys::Creation> creations = {}; ///< oldest first
};

[[nodiscard]] std::string header_line(const HostPath& rootfs, const RootIdentity& root,
                                      const StartFacts& start = {});
[[nodiscard]] std::string creation_line(const sys::Creation& creation);
[[nodiscard]] std::string creation_lines(const std::vector<sys::Creation>& creations);

/// An empty text is a record of nothing, at the path "/".
[[nodiscard]] Result<CleanupRecord> parse_cleanup_record(std::string_view text);

/// Of version 1.
[[nodiscard]] std::string old_record_text(const CleanupRecord& record);
[[nodiscard]] Result<CleanupRecord> parse_old_record(std::string_view text);

/// Adds `later` to `creations`. A creation replaces its plan. A creation in the place of a recorded
/// one takes over its former file, so that the image's file is restored at the end. Each of two
/// containers can have replaced the other's creation.
void add_creation(std::vector<sys::Creation>& creations, sys::Creation later);

} // namespace grapnel::apply
