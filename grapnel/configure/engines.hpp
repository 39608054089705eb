// SPDX-License-Identifier: Apache-2.0
// For each engine: the files that change, and the command to run afterwards.
#pragma once

#include "base/notices.hpp"
#include "configure/changes.hpp"
#include "configure/options.hpp"

namespace grapnel::configure_command {

struct Work {
    std::vector<Change> changes = {}; ///< in the order in which they are safe
    Notices notices = {};
    std::string afterwards = {}; ///< a sentence, for when something was changed
};

/// Reads files, and changes no file.
[[nodiscard]] Result<Work> work_for(const Options& options);

} // namespace grapnel::configure_command
