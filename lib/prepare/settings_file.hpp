// SPDX-License-Identifier: Apache-2.0
// Which settings file counts.
#pragma once

#include "base/path.hpp"
#include "settings/settings.hpp"

#include <optional>

namespace grapnel {

/// Whether the variables by which NVIDIA's programs find their file are read. They count only as
/// root of the initial user namespace: others' variables are not the administrator's.
enum class Variables { count, are_ignored };

struct LoadedSettings : SettingsReading {
    std::optional<HostPath> named = {}; ///< by the command line or a variable
    std::optional<HostPath> file = {};  ///< that was read; nothing: the defaults
    Dialect dialect = Dialect::grapnel; ///< of that file
};

/// The file that was `named` on the command line; else, where variables count, the one that
/// NVIDIA_CTK_CONFIG_FILE_PATH names or $XDG_CONFIG_HOME/nvidia-container-runtime/config.toml if
/// it is there; else /etc/grapnel/config.toml; else /etc/nvidia-container-runtime/config.toml;
/// else the defaults. A file that is named must be there. A file in a directory called
/// nvidia-container-runtime, and one that NVIDIA's variables name, is NVIDIA's: unknown keys in
/// it are passed over.
[[nodiscard]] LoadedSettings load_settings(const std::optional<HostPath>& named,
                                           Variables variables);

} // namespace grapnel
