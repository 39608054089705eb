// SPDX-License-Identifier: Apache-2.0
// A YAML document within bounds, as the JSON value that it stands for.
#pragma once

#include "base/result.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

namespace grapnel {

/// The first document of `text`; null without one. A plain scalar is a number, a Boolean or null by
/// the core schema, else text; an alias is a copy. An error names the line. More than 32 levels and
/// more than 100,000 values, those of aliases included, are errors as well.
[[nodiscard]] Result<nlohmann::json> parse_yaml(std::string_view text);

} // namespace grapnel
