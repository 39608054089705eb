// SPDX-License-Identifier: Apache-2.0
// A settings file with one key changed, as text: all else stays byte by byte.
#pragma once

#include "base/result.hpp"
#include "settings/settings.hpp"

#include <string>
#include <string_view>

namespace grapnel::config_command {

/// The text with `word` as the value of that key: true or false, a text, or a list with commas or
/// in brackets. Replaces the key's value or its commented default, or adds the key to its table.
/// `name` is the file's. Refuses an unknown key, a wrong value and a text in which neither works.
[[nodiscard]] Result<std::string> with_key(const std::string& text, std::string_view name,
                                           Dialect dialect, const std::string& key,
                                           const std::string& word);

} // namespace grapnel::config_command
