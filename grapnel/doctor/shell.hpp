// SPDX-License-Identifier: Apache-2.0
// Commands that a person pastes into a shell: a path in one can be a user's.
#pragma once

#include <string>
#include <string_view>

namespace grapnel::doctor_command {

/// The text as one word of a POSIX shell: unchanged, or in single quotes.
[[nodiscard]] inline std::string shell_word(std::string_view text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_@%+=:,./-";
    if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos)
        return std::string(text);
    std::string out = "'";
    for (const char c : text)
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

} // namespace grapnel::doctor_command
