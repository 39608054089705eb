// SPDX-License-Identifier: Apache-2.0
// A TOML document from a file that anybody may have written.
#pragma once

#include "base/result.hpp"
#include "toml/library.hpp"

#include <cstddef>
#include <string_view>

namespace grapnel {

/// `text` as a table. An error names the file, which is `name`, and the line; more than
/// `size_limit` bytes and brackets or keys nested deeper than 32 levels are errors as well.
[[nodiscard]] Result<toml::table> parse_toml(std::string_view text, std::string_view name,
                                             std::size_t size_limit);

} // namespace grapnel
