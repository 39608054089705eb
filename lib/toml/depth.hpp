// SPDX-License-Identifier: Apache-2.0
// TOML before it is parsed. toml++ bounds values that nest and not keys, and every table takes its
// inner ones away within itself: a header of a hundred thousand names would be the end.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <string_view>

namespace grapnel {

/// The offset behind the string with its first quotation mark at `at`; also a multi-line string.
[[nodiscard]] std::size_t toml_string_end(std::string_view text, std::size_t at);

/// Refuses text in which brackets nest, or one key has names, deeper than 32 levels, with its
/// `name` and the line. For text that no parser has seen: it is true up to the first mistake.
[[nodiscard]] Status check_toml_depth(std::string_view text, std::string_view name);

} // namespace grapnel
