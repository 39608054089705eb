// SPDX-License-Identifier: Apache-2.0
// Completions of a program for a shell: a script that is made of the table of its options.
#pragma once

#include "cmdline/table.hpp"

namespace grapnel::completions {

[[nodiscard]] std::string bash(const cmdline::Program& program);
[[nodiscard]] std::string fish(const cmdline::Program& program);
[[nodiscard]] std::string zsh(const cmdline::Program& program);

/// Each command, word and option, a line each: for the lint of the manual pages.
[[nodiscard]] std::string list(const cmdline::Program& program);

/// `text` between single quotes, as all three shells read it.
[[nodiscard]] std::string quoted(std::string_view text);

/// "_grapnel_hook"
[[nodiscard]] std::string function_name(const cmdline::Program& program);

/// "-d" and "--debug"; synonyms that the help omits as well.
[[nodiscard]] std::vector<std::string> spellings(const cmdline::Option& option);

[[nodiscard]] std::string joined(const std::vector<std::string>& words, std::string_view separator);

/// The program itself, then its commands.
[[nodiscard]] std::vector<cmdline::Command> parts(const cmdline::Program& program);

/// Names of the commands with `separator` between them.
[[nodiscard]] std::string command_names(const cmdline::Program& program,
                                        std::string_view separator);

[[nodiscard]] std::string header(const cmdline::Program& program);

} // namespace grapnel::completions
