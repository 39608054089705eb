// SPDX-License-Identifier: Apache-2.0
// The text of a CDI file, from this host.
#pragma once

#include "base/result.hpp"
#include "cdi/options.hpp"
#include "prepare/log.hpp"

#include <string>

namespace grapnel::cdi_command {

/// Warnings go to the log.
[[nodiscard]] Result<std::string> spec_text(const Generation& generation, const Log& log);

} // namespace grapnel::cdi_command
