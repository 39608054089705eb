// SPDX-License-Identifier: Apache-2.0
// Where the parts of a JSON text are. Only for text that a parser has found valid.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::engine_config {

/// Positions of a member in the text, each pair a half-open range.
struct JsonMember {
    std::string key = {}; ///< without its quotes and escapes
    std::size_t key_begin = 0;
    std::size_t value_begin = 0;
    std::size_t value_end = 0;
};

struct JsonObject {
    std::size_t begin = 0; ///< of its opening brace
    std::size_t end = 0;   ///< behind its closing brace
    std::vector<JsonMember> members = {};
};

/// The first position at or behind `at` that is no white space, nor a byte order mark at the start.
[[nodiscard]] std::size_t json_skip_blanks(std::string_view text, std::size_t at);

/// Behind the value that begins at `at`.
[[nodiscard]] std::size_t json_value_end(std::string_view text, std::size_t at);

/// The object with its brace at `at`.
[[nodiscard]] JsonObject scan_json_object(std::string_view text, std::size_t at);

} // namespace grapnel::engine_config
