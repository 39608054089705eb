// SPDX-License-Identifier: Apache-2.0
// The log file of the settings, read: lines of both formats.
#pragma once

#include "base/path.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace grapnel {

/// The lines of a container, oldest first: by its ID, or the beginning of one of at least four
/// letters. Of a long file the last 8 MiB count. Empty for a file that cannot be read.
[[nodiscard]] std::vector<std::string> lines_of_container(const HostPath& log,
                                                          const std::string& id);

/// Of these, the lines of the process that wrote the last one.
[[nodiscard]] std::vector<std::string> lines_of_last_start(const HostPath& log,
                                                           const std::string& id);

/// The steps of a start, in milliseconds.
struct StartTimes {
    std::string container = {};
    std::string time = {};
    double whole = 0;
    std::vector<std::pair<std::string, double>> steps = {};
};

/// Of the container's last start that was logged at level info.
[[nodiscard]] std::optional<StartTimes> last_start(const HostPath& log, const std::string& id);

} // namespace grapnel
