// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

namespace grapnel::sys {

/// Whether this user can still write to the file system of that path: it has free blocks and,
/// where it counts them, free inodes.
[[nodiscard]] Result<bool> has_free_space(const HostPath& path);

} // namespace grapnel::sys
