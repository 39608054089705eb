// SPDX-License-Identifier: Apache-2.0
// The options that systemd gives dockerd.
#pragma once

#include "doctor/engines.hpp"

#include <optional>

namespace grapnel::doctor_command {

/// dockerd does not start with a setting that both daemon.json and an option have.
[[nodiscard]] std::optional<Finding> conflicting_option(const Facts& facts, const Docker& docker);

} // namespace grapnel::doctor_command
