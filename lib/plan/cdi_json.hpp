// SPDX-License-Identifier: Apache-2.0
// Parts of both forms of a CDI file. Private to this module.
#pragma once

#include "plan/cdi_spec.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace grapnel::plan {

using CdiJson = nlohmann::ordered_json;

[[nodiscard]] bool is_dot_in_class(std::string_view kind);
[[nodiscard]] bool is_digit_first(std::string_view name);

/// The text of a file. Refuses bytes that are not UTF-8.
[[nodiscard]] Result<std::string> cdi_text(const CdiJson& spec);

} // namespace grapnel::plan
