// SPDX-License-Identifier: Apache-2.0
// Which settings file counts.
#pragma once

#include "options.hpp"
#include "settings/settings.hpp"

namespace grapnel {

/// --config; else, for prestart and createRuntime as root of the initial user namespace, the
/// file that NVIDIA_CTK_CONFIG_FILE_PATH names or $XDG_CONFIG_HOME/nvidia-container-runtime/
/// config.toml if it is there; else /etc/grapnel/config.toml; else
/// /etc/nvidia-container-runtime/config.toml; else the defaults. A file that is named must be
/// there. A file in a directory called nvidia-container-runtime, and one that NVIDIA's variables
/// name, is NVIDIA's: unknown keys in it are passed over.
[[nodiscard]] Result<Settings> load_settings(const Options& options);

} // namespace grapnel
