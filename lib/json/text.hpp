// SPDX-License-Identifier: Apache-2.0
// JSON texts as values of nlohmann's library, and back. Its parser and its writer are compiled here
// alone: they take longer to compile than most sources that use them.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace grapnel {

/// A text that is not JSON becomes a value with is_discarded().
[[nodiscard]] nlohmann::json parse_json(std::string_view text);

/// The same; members keep their order.
[[nodiscard]] nlohmann::ordered_json parse_ordered_json(std::string_view text);

/// The offset of the first syntax error; nothing if the text is JSON.
[[nodiscard]] std::optional<std::size_t> json_syntax_error(std::string_view text);

/// Refuses a text that would mean something else once it is parsed and written again, or that
/// cannot be written: a name that stands twice in one object (runc joins the two members, a parsed
/// object has one of them), and more than 1,000 levels. A syntax error is left to the parser.
[[nodiscard]] Status check_rewritable_json(std::string_view text);

struct JsonForm {
    /// The treatment of bytes that are not UTF-8. An exception is for text that is known to be
    /// UTF-8; U+FFFD stands in the place of replaced bytes.
    enum class NotUtf8 { exception, replaced, left_out };

    bool is_indented = false; ///< by two blanks; else all is on one line
    bool is_ascii = false;    ///< other characters are escaped
    NotUtf8 not_utf8 = NotUtf8::exception;
};

/// For people: indented, with U+FFFD in the place of bytes that are not UTF-8.
inline constexpr JsonForm readable_json{.is_indented = true,
                                        .not_utf8 = JsonForm::NotUtf8::replaced};

/// Without a newline at the end.
[[nodiscard]] std::string write_json(const nlohmann::json& value, JsonForm form = {});
[[nodiscard]] std::string write_json(const nlohmann::ordered_json& value, JsonForm form = {});

} // namespace grapnel
