// SPDX-License-Identifier: Apache-2.0
// The directory cache. A system's directory of libraries holds thousands of names, which take
// longer to list than all the rest of an inventory; few of them can be the driver's. They are kept
// for as long as the directory has the same identity and time of change: the kernel sets that time
// at every name that comes or goes.
#pragma once

#include "sys/file.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

struct KnownDirectory {
    std::string version = {}; ///< of the driver that the names were chosen for
    sys::FileId id = {};
    std::int64_t changed_ns = 0;
    std::vector<std::string> names = {}; ///< sorted

    bool operator==(const KnownDirectory&) const = default;
};

/// One line a directory: version, file system, inode, time and the names between tabs. A directory
/// with a name that has a tab or a line feed is left out.
[[nodiscard]] std::string to_text(const std::vector<KnownDirectory>& directories);

/// Skips malformed lines: such a directory is listed again.
[[nodiscard]] std::vector<KnownDirectory> parse_known_directories(std::string_view text);

} // namespace grapnel
