// SPDX-License-Identifier: Apache-2.0
// Words as nvidia-ctk reads them.
#pragma once

#include "base/result.hpp"
#include "cmdline/parse.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace grapnel::nvidia_ctk {

inline constexpr std::string_view tool = "nvidia-ctk";

/// A flag's value can be part of its word, as Go's programs have it: --dry-run=false.
[[nodiscard]] Result<bool> flag_value(std::string_view option,
                                      const std::optional<std::string>& value);

/// An error for the first word, if there is one.
[[nodiscard]] Status check_no_words(std::span<const std::string> words);

inline constexpr cmdline::Grammar grammar{.program = tool, .dashes = cmdline::Dashes::one_or_two};

} // namespace grapnel::nvidia_ctk
