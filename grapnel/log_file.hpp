// SPDX-License-Identifier: Apache-2.0
// The log file of the settings, read.
#pragma once

#include "base/path.hpp"

#include <string>
#include <vector>

namespace grapnel {

/// The lines of a container, oldest first: by its ID, or the beginning of one of at least four
/// letters. Of a long file the last 8 MiB count. Empty for a file that cannot be read.
[[nodiscard]] std::vector<std::string> lines_of_container(const HostPath& log,
                                                          const std::string& id);

/// Of these, the lines of the last process that wrote one, and of those beside it at that time.
[[nodiscard]] std::vector<std::string> lines_of_last_start(const HostPath& log,
                                                           const std::string& id);

} // namespace grapnel
