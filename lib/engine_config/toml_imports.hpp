// SPDX-License-Identifier: Apache-2.0
// The key "imports" of containerd's configuration, edited as text: every other byte stays.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace grapnel::engine_config {

/// `text` with `path`, or a pattern of paths, as the last of its imports. A text without a setting
/// gets that version too. Refuses invalid TOML, and imports that are no array, with `name` of the
/// file.
[[nodiscard]] Result<std::string> add_import(std::string_view text, std::string_view path,
                                             std::string_view name, std::int64_t version = 2);

/// The opposite of add_import.
[[nodiscard]] Result<std::string> remove_import(std::string_view text, std::string_view path,
                                                std::string_view name);

/// The same, but only where add_import has made the whole line: somebody else's text stays.
[[nodiscard]] Result<std::string> remove_made_import(std::string_view text, std::string_view path,
                                                     std::string_view name);

} // namespace grapnel::engine_config
