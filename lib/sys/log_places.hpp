// SPDX-License-Identifier: Apache-2.0
// Where a log goes beside a plain file.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "sys/fd.hpp"

#include <cstdint>

namespace grapnel::sys {

/// A socket whose messages go to the one at that path. Sending never waits: a receiver that does
/// not read loses messages.
[[nodiscard]] Result<Fd> connect_datagrams(const HostPath& path);

/// Renames a file that is longer than `longest` to NAME.1, in the place of an earlier one. Of
/// several processes at one time one does. A file that cannot be renamed stays.
void rotate_file(const HostPath& path, std::uint64_t longest);

} // namespace grapnel::sys
