// SPDX-License-Identifier: Apache-2.0
// Errors of a command line, the same in all programs: one line, with a hint.
#pragma once

#include "base/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace grapnel {

/// An error of kind usage. The hint is `meant`, as suggestion() makes it, and where to read on:
/// `program` is the command with that --help.
[[nodiscard]] Error usage_error(std::string what, std::string_view program,
                                std::string_view meant = {});

/// An option that is not among `names`, which have no dashes.
[[nodiscard]] Error unknown_option(std::string_view word, std::span<const std::string_view> names,
                                   std::string_view program);

[[nodiscard]] Error unknown_word(std::string_view kind, std::string_view word,
                                 std::span<const std::string_view> known, std::string_view program);

} // namespace grapnel
