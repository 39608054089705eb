// SPDX-License-Identifier: Apache-2.0
// The commands of grapnel. A new one is a file here and a line in tool.cpp.
#pragma once

#include <string_view>

namespace grapnel {

enum ExitCode { exit_done = 0, exit_refused = 1, exit_usage = 2, exit_internal = 70 };

/// Each takes its own name as the first argument, and returns the exit code.
using Command = int(int argc, char** argv);

[[nodiscard]] Command configure;

/// On standard error, as "grapnel: TEXT".
void complain(std::string_view text);

/// On standard output. Where nobody reads it that is no failure of the command.
void say(std::string_view text);

/// The usage on standard error; exit_usage.
[[nodiscard]] int wrong_usage(std::string_view text, std::string_view usage);

} // namespace grapnel
