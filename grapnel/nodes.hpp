// SPDX-License-Identifier: Apache-2.0
// The driver's device nodes and their links in /dev/char, made where they are missing.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "settings/settings.hpp"

#include <vector>

namespace grapnel {

struct NodeCreation {
    bool dry_run = false;
    bool load_modules = true; ///< without them there are no numbers of nodes
    HostPath links = host_path("/dev/char");
};

/// The nodes that were made, or are missing. A node that is optional and cannot be made is a
/// warning on standard error.
[[nodiscard]] Result<std::vector<HostPath>> create_nodes(const Settings& settings,
                                                         const NodeCreation& creation);

/// A line for each on standard output.
[[nodiscard]] Status say_nodes(const std::vector<HostPath>& nodes, const NodeCreation& creation);

} // namespace grapnel
