// SPDX-License-Identifier: Apache-2.0
// Caches of the hook: files in /run/grapnel that only root can read and write.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "prepare/log.hpp"

#include <string>
#include <string_view>

namespace grapnel {

/// /run/grapnel
[[nodiscard]] const HostPath& state_directory();

/// Names of these files: the GPU info cache (driver/known_gpus.hpp), the directory cache
/// (driver/known_directories.hpp), the probe cache (driver/probe_answer.hpp).
inline constexpr std::string_view gpu_info_cache = "gpus";
inline constexpr std::string_view directory_cache = "directories";
inline constexpr std::string_view probe_cache = "probe";

[[nodiscard]] Result<std::string> read_state_file(std::string_view name);

/// Atomic replace, best effort: a failure is a warning in the log. A read-only /run
/// is no failure. The file's directory is made.
void keep_file(const HostPath& path, std::string_view text, const Log& log);

/// The same in /run/grapnel.
void keep_state_file(std::string_view name, std::string_view text, const Log& log);

} // namespace grapnel
