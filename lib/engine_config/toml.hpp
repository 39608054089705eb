// SPDX-License-Identifier: Apache-2.0
// TOML as the settings files of engines need it: read, navigated, written again.
#pragma once

#include "base/result.hpp"
#include "toml/library.hpp"

#include <string>
#include <string_view>

namespace grapnel::engine_config {

/// A settings file of an engine. An error names the file and the line.
[[nodiscard]] Result<toml::table> parse_settings(std::string_view text, std::string_view name);

/// `text` as a TOML string.
[[nodiscard]] std::string toml_string(std::string_view text);

/// The table as a document: keys of a table before the tables in it, each under a header. Without
/// dates and times, which no engine has: these are an error.
[[nodiscard]] Result<std::string> write_toml(const toml::table& table);

/// The table that stands at these keys, or null.
[[nodiscard]] const toml::table* table_at(const toml::table& table,
                                          std::initializer_list<std::string_view> keys);

/// The same, made where it is missing; a value of another type is replaced.
[[nodiscard]] toml::table& make_table_at(toml::table& table,
                                         std::initializer_list<std::string_view> keys);

} // namespace grapnel::engine_config
