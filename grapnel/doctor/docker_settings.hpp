// SPDX-License-Identifier: Apache-2.0
// daemon.json: whether dockerd accepts it, and its settings for CDI.
#pragma once

#include "doctor/engines.hpp"

#include <optional>
#include <string>

namespace grapnel::doctor_command {

/// The mistake for which dockerd does not start; nothing if it accepts the file, as far as it can
/// be seen here, and if this user may not read it.
[[nodiscard]] std::optional<Finding> refused_settings(const Facts& facts, const Docker& docker);

/// The CDI file of GPUs, if `docker run --device nvidia.com/gpu=all` cannot give its devices:
/// CDI is off, or Docker looks into other directories.
[[nodiscard]] std::optional<Finding> unread_cdi_file(const Facts& facts, const Docker& docker);

/// Whether Docker gives GPUs by a CDI file.
[[nodiscard]] bool serves_cdi(const Facts& facts, const Docker& docker);

} // namespace grapnel::doctor_command
