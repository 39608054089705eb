// SPDX-License-Identifier: Apache-2.0
// What the hook knows from its last run: files in /run/grapnel, of root alone.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "provision/log.hpp"

#include <string>
#include <string_view>

namespace grapnel {

/// /run/grapnel
[[nodiscard]] const HostPath& state_directory();

[[nodiscard]] Result<std::string> read_state_file(std::string_view name);

/// Replaces it in one step. Where that is not possible, nothing is kept, and the log says why.
void keep_state_file(std::string_view name, std::string_view text, const Log& log);

} // namespace grapnel
