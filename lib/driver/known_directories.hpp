// SPDX-License-Identifier: Apache-2.0
// The directory cache: the names of a library directory that can be the driver's. Such a directory
// holds thousands of names, and its listing takes longer than the rest of an inventory. An entry is
// stale once the directory has another identity or time of change: the kernel sets that time when a
// name is added or removed.
#pragma once

#include "sys/file.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct KnownDirectory {
    std::string version = {}; ///< of the driver that the names belong to
    sys::FileId id = {};
    std::int64_t changed_ns = 0;
    std::vector<std::string> names = {}; ///< sorted

    bool operator==(const KnownDirectory&) const = default;
};

/// One line per directory: version, file system, inode, time and the names, with tabs between them.
/// Leaves out a directory with a name that has a tab or a line feed.
[[nodiscard]] std::string to_text(const std::vector<KnownDirectory>& directories);

/// Skips malformed lines: such a directory is listed again.
[[nodiscard]] std::vector<KnownDirectory> parse_known_directories(std::string_view text);

} // namespace grapnel
