// SPDX-License-Identifier: Apache-2.0
// JSON is parsed in a confined process alone (confine::compute_confined): this one must give the
// low-level runtime all rights that the engine gave it.
#pragma once

#include "base/notices.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "prepare/settings_file.hpp"

#include <optional>
#include <string>

namespace grapnel {

/// The part of config.json that this program decides by.
struct ConfigReading {
    bool has_request = false;    ///< the container asks for a GPU
    bool needs_edit = false;     ///< the hook has something to add to config.json, or to take out
    bool new_procfs = false;     ///< a procfs is mounted at /proc
    bool user_namespace = false; ///< the container gets a new one
    Notices notices = {};        ///< why there is no request

    bool operator==(const ConfigReading&) const = default;
};

[[nodiscard]] Result<ConfigReading> read_config(const std::string& config,
                                                const LoadedSettings& settings);

/// Refuses the hook's answer unless it is `config` with the additions of `hook` alone.
[[nodiscard]] Status check_answer(const std::string& config, const std::string& answer,
                                  const HostPath& hook);

[[nodiscard]] Result<bool> has_device_rules(const std::string& resources);

/// Of the state that a low-level runtime prints.
[[nodiscard]] Result<HostPath> bundle_of_state(const std::string& state);

/// Resources with Grapnel's rules of `config` after their own; nothing if there are no such rules.
[[nodiscard]] Result<std::optional<std::string>> add_rules_of(const std::string& config,
                                                              const std::string& resources);

} // namespace grapnel
