// SPDX-License-Identifier: Apache-2.0
// The report of `grapnel doctor`, for a person and for a script.
#pragma once

#include "doctor/finding.hpp"
#include "terminal.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

/// Beside exit_done (no finding) and the codes of base/exit_code.hpp.
enum ExitStatus { exit_errors = 3, exit_warnings = 4 };

[[nodiscard]] int exit_status(const std::vector<Area>& areas);

/// A line for each area, with its findings below it.
[[nodiscard]] std::string text_report(const std::vector<Area>& areas, const Terminal& terminal);

/// doc/grapnel-json.5.scd describes its members.
[[nodiscard]] std::string json_report(const std::vector<Area>& areas);

} // namespace grapnel::doctor_command
