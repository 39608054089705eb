// SPDX-License-Identifier: Apache-2.0
// The mount that a file was reached through, on Linux before 5.8, where statx(2) does not tell
// (STATX_MNT_ID, STATX_ATTR_MOUNT_ROOT). Private to this module.
#pragma once

#include "base/result.hpp"

#include <cstdint>

namespace grapnel::sys {

struct MountOfFile {
    std::uint64_t id = 0;
    bool is_root = false; ///< the file is the root of that mount
};

/// Arguments as for fstatat(2). A file, unlike a directory, is known as a mount's root only in this
/// process's own mount namespace.
[[nodiscard]] Result<MountOfFile> mount_of_file(int directory, const char* name, int flags);

} // namespace grapnel::sys
