// SPDX-License-Identifier: Apache-2.0
// Reads the log file of the settings: lines of both formats, text and JSON.
#pragma once

#include "base/path.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace grapnel {

/// The lines of a container, oldest first. `id` is its ID, or at least the first four letters of
/// it. Reads the last 8 MiB of the file. Empty for a file that cannot be read.
[[nodiscard]] std::vector<std::string> lines_of_container(const HostPath& log,
                                                          const std::string& id);

/// The lines of the process that wrote the container's last line.
[[nodiscard]] std::vector<std::string> lines_of_last_start(const HostPath& log,
                                                           const std::string& id);

/// The steps of a start, in milliseconds.
struct StartTimes {
    std::string container = {};
    std::string time = {};
    double whole = 0;
    std::vector<std::pair<std::string, double>> steps = {};
};

/// The times of the container's last start that was logged at level info.
[[nodiscard]] std::optional<StartTimes> last_start(const HostPath& log, const std::string& id);

} // namespace grapnel
