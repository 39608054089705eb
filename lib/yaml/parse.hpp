// SPDX-License-Identifier: Apache-2.0
// A YAML document within bounds, as the JSON value that it stands for.
#pragma once

#include "base/result.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace grapnel {

/// The first document of `text`; null without one. A plain scalar is a number, a Boolean or null by
/// the core schema, else text; an alias is a copy. An error names the line. A document of more than
/// 32 levels or 100,000 values is refused: a copy counts as its anchor does, and a text as one
/// value more for each 256 bytes.
[[nodiscard]] Result<nlohmann::json> parse_yaml(std::string_view text);

} // namespace grapnel
