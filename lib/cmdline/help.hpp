// SPDX-License-Identifier: Apache-2.0
// The texts of --help and --usage.
#pragma once

#include "cmdline/table.hpp"

namespace grapnel::cmdline {

/// One line.
[[nodiscard]] std::string usage(const Command& command);

/// The usage, the words that the operand can be, and the options.
[[nodiscard]] std::string help(const Command& command);

/// The command of that name; nothing if the program has no such command.
[[nodiscard]] const Command* find_command(const Program& program, std::string_view name);

} // namespace grapnel::cmdline
