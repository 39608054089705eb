// SPDX-License-Identifier: Apache-2.0
// Removes secrets from the texts of a bug report.
#pragma once

#include <string>
#include <string_view>

namespace grapnel::doctor_command {

/// The text without the values of keys that can hold a secret (password, token, auth ...) and
/// without names and passwords in addresses (https://NAME:PASSWORD@HOST). Lines stay lines.
[[nodiscard]] std::string redact(std::string_view text);

} // namespace grapnel::doctor_command
