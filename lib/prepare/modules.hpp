// SPDX-License-Identifier: Apache-2.0
// The driver's kernel modules, loaded where a container needs one that is not there.
#pragma once

#include "base/driver_capability.hpp"
#include "base/result.hpp"
#include "confine/helper.hpp"
#include "settings/settings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel {

/// modprobe has a minute for each of three modules.
constexpr int modules_time_limit_ms = 200'000;

class ModuleLoader {
  public:
    /// Loads nothing.
    ModuleLoader() = default;

    /// Where a module is missing and this process is no container's root, starts a helper process,
    /// which alone keeps the right to load modules. To be called before this process gives that up,
    /// and before its filter, under which no modprobe would work. Without a helper, containers that
    /// need no module still start.
    [[nodiscard]] static ModuleLoader prepare();

    /// Has the system's modprobe load the missing modules, if the settings allow it and the host
    /// has a GPU to drive; the helper process ends: see await_end(). A dry run loads nothing.
    /// Returns the reason why a module is still missing, or the modules that a start would load: a
    /// line for a later error; empty if no module is missing or loading was not tried.
    [[nodiscard]] Result<std::string> load(const Settings& settings, DriverCapabilities wanted,
                                           bool dry_run);

    /// The wanted modules that load() would load.
    [[nodiscard]] static std::vector<std::string> to_load(const Settings& settings,
                                                          DriverCapabilities wanted);

    /// Whether load() can load anything.
    [[nodiscard]] bool can_load() const { return helper_.has_value(); }

    /// Before anything of a container is looked at. A helper process that had nothing to do is
    /// killed by load() and may be ending still.
    [[nodiscard]] Status await_end() const;

  private:
    std::optional<confine::Helper> helper_ = {};
    std::string trouble_ = {}; ///< the reason, if there is no helper
};

} // namespace grapnel
