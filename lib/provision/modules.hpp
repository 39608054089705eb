// SPDX-License-Identifier: Apache-2.0
// The driver's kernel modules, loaded where a container needs one that is not there.
#pragma once

#include "base/driver_capability.hpp"
#include "base/result.hpp"
#include "settings/settings.hpp"
#include "sys/helper.hpp"

#include <optional>
#include <string>

namespace grapnel {

class ModuleLoader {
  public:
    /// Loads nothing.
    ModuleLoader() = default;

    /// Where a module is missing and this process is no container's root, starts a helper process,
    /// which alone keeps the right to load modules. To be called before this process gives that up,
    /// and before its filter, under which no modprobe would work. A helper that cannot be started
    /// keeps no container from starting that needs none.
    [[nodiscard]] static ModuleLoader prepare();

    /// Has the system's modprobe load what is missing, where the settings allow it and the host has
    /// a GPU to drive; the helper process ends. A dry run loads nothing. Returns why something is
    /// still missing, or what a start would load: a line for the error that may come of it; empty
    /// if nothing is missing or nothing was tried.
    [[nodiscard]] Result<std::string> load(const Settings& settings, DriverCapabilities wanted,
                                           bool dry_run);

  private:
    std::optional<sys::Helper> helper_ = {};
    std::string trouble_ = {}; ///< why there is none
};

} // namespace grapnel
