// SPDX-License-Identifier: Apache-2.0
// The driver's kernel modules, loaded where a container needs one that is not there.
#pragma once

#include "base/driver_capability.hpp"
#include "base/result.hpp"
#include "settings/settings.hpp"

#include <string>

namespace grapnel {

/// Has the system's modprobe load what is missing, where the settings allow it, the kernel lets
/// this process, and the host has a GPU to drive; then gives up the right to. A dry run loads
/// nothing. Returns why something is still missing, or what a start would load: a line for the
/// error that may come of it; empty if nothing is missing or nothing was tried.
[[nodiscard]] Result<std::string> load_modules(const Settings& settings, DriverCapabilities wanted,
                                               bool dry_run);

} // namespace grapnel
