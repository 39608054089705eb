// SPDX-License-Identifier: Apache-2.0
// Plain scalars: scalars without quotes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace grapnel {

/// Null, a Boolean, a whole number (decimal, 0x, 0o, or octal behind a 0 as in YAML 1.1), else
/// text.
[[nodiscard]] nlohmann::json yaml_plain_scalar(const std::string& text);

} // namespace grapnel
