// SPDX-License-Identifier: Apache-2.0
// Paths as people write them on a command line.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <string>

namespace grapnel::sys {

/// `text` as a path that holds wherever this process goes: a relative one is relative to the
/// directory that it is in. The part before a `..` must exist, and its links are followed first, as
/// open(2) does; behind the last `..` nothing need be there.
[[nodiscard]] Result<HostPath> argument_path(const std::string& text);

} // namespace grapnel::sys
