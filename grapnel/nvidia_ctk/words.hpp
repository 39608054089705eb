// SPDX-License-Identifier: Apache-2.0
// Words as nvidia-ctk reads them.
#pragma once

#include "base/result.hpp"
#include "cmdline/parse.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::nvidia_ctk {

inline constexpr std::string_view tool = "nvidia-ctk";

/// --help, -h or help.
[[nodiscard]] bool is_question(std::string_view word);

/// An error for the first word, if there is one.
[[nodiscard]] Status check_no_words(std::span<const std::string> words);

inline constexpr cmdline::Grammar grammar{.program = tool, .dashes = cmdline::Dashes::one_or_two};

/// The command line of a command without operands. After --help it can have more words.
template <typename T>
[[nodiscard]] Result<cmdline::Parsed> take_options(std::span<const std::string> words,
                                                   const std::vector<cmdline::Row<T>>& rows,
                                                   T& given) {
    auto parsed = GRAPNEL_TRY(cmdline::take_words(words, rows, grammar, given));
    if (!given.help)
        GRAPNEL_TRY(check_no_words(words.subspan(parsed.used)));
    return parsed;
}

} // namespace grapnel::nvidia_ctk
