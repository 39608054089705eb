// SPDX-License-Identifier: Apache-2.0
// toml++ as the other modules use it: no exceptions, no formatters.
#pragma once

#define TOML_EXCEPTIONS 0
// bad input runs into assertions of toml++ 3.3 that its next lines answer with an error
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace grapnel::engines {

/// An error names the file and the line.
[[nodiscard]] Result<toml::table> parse_toml(std::string_view text, std::string_view name);

/// `text` as a TOML string.
[[nodiscard]] std::string toml_string(std::string_view text);

/// The table as a document: keys of a table before the tables in it, each under a header. Without
/// dates and times, which no engine has: these are an error.
[[nodiscard]] Result<std::string> write_toml(const toml::table& table);

/// The table that stands at these keys, or null.
[[nodiscard]] const toml::table* table_at(const toml::table& table,
                                          std::initializer_list<std::string_view> keys);

/// The same, made where it is missing; what is no table gives way.
[[nodiscard]] toml::table& make_table_at(toml::table& table,
                                         std::initializer_list<std::string_view> keys);

} // namespace grapnel::engines
