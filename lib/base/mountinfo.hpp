// SPDX-License-Identifier: Apache-2.0
// /proc/PID/mountinfo (proc(5)).
#pragma once

#include "base/device_number.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct MountInfo {
    std::uint64_t id = 0;
    DeviceNumber device = {};                     ///< of the file system
    std::string root = {};                        ///< the part of the file system that is mounted
    std::string point = {};                       ///< where
    std::vector<std::string> options = {};        ///< of this mount: "ro", "nosuid"
    std::optional<std::uint64_t> peer_group = {}; ///< of a shared mount
    std::optional<std::uint64_t> master = {};     ///< the peer group that a slave receives from
    std::string type = {};
    std::vector<std::string> super_options = {};

    bool operator==(const MountInfo&) const = default;
};

/// A line of mountinfo. Its texts are views of the line: a host can have 100,000 mounts, and a
/// caller needs the texts of a few.
struct MountLine {
    std::uint64_t id = 0;
    DeviceNumber device = {};
    std::optional<std::uint64_t> peer_group = {};
    std::optional<std::uint64_t> master = {};
    std::string_view type = {};
    std::string_view escaped_root = {};
    std::string_view escaped_point = {};
    std::string_view options = {};       ///< with commas
    std::string_view super_options = {}; ///< with commas

    /// Without octal escapes.
    [[nodiscard]] std::string root() const;
    [[nodiscard]] std::string point() const;

    [[nodiscard]] MountInfo info() const;
};

/// Nothing where the line cannot be read. The text must outlive the result.
[[nodiscard]] std::optional<MountLine> parse_mount_line(std::string_view line);

/// In the order of the text; octal escapes are undone. A line that cannot be read is left out.
[[nodiscard]] std::vector<MountInfo> parse_mountinfo(std::string_view text);

} // namespace grapnel
