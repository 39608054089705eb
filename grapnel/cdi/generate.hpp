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

/// Atomic replace, unless the file has this text already.
enum class Written { nothing, made, changed };
[[nodiscard]] Result<Written> write_file(const HostPath& path, const Generation& generation,
                                         const Log& log);

} // namespace grapnel::cdi_command
