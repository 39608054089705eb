// SPDX-License-Identifier: Apache-2.0
// The archive of grapnel doctor --bundle, for a bug report.
#pragma once

#include "doctor/facts.hpp"
#include "doctor/finding.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

/// A tar archive: the report as text and as JSON, and the host's files that explain it, through
/// redact().
[[nodiscard]] std::string bundle(const Facts& facts, const std::vector<Area>& areas);

} // namespace grapnel::doctor_command
