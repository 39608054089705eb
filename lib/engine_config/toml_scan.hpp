// SPDX-License-Identifier: Apache-2.0
// Where the parts of a TOML text are, as far as its root table's own lines go. Only for text that a
// parser has found valid.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::engine_config {

/// "key = value", with half-open ranges of positions.
struct TomlStatement {
    std::string key = {};  ///< of one name, without quotes
    std::size_t begin = 0; ///< of its line
    std::size_t value_begin = 0;
    std::size_t value_end = 0;
    std::size_t end = 0; ///< behind its last line's end
};

struct TomlRoot {
    std::size_t begin = 0; ///< behind a byte order mark
    std::vector<TomlStatement> statements = {};
    bool has_tables = false; ///< a header follows
};

[[nodiscard]] TomlRoot scan_toml_root(std::string_view text);

/// An array's elements, from the position of its bracket on.
struct TomlArray {
    struct Element {
        std::size_t begin = 0;
        std::size_t end = 0;
        std::optional<std::size_t> comma = {}; ///< that follows it
    };
    std::size_t begin = 0;
    std::size_t end = 0; ///< behind its closing bracket
    std::vector<Element> elements = {};
};

[[nodiscard]] TomlArray scan_toml_array(std::string_view text, std::size_t at);

} // namespace grapnel::engine_config
