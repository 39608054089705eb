// SPDX-License-Identifier: Apache-2.0
// The commands of grapnel. A new one is a file here, a line in tool.cpp and one
// in option_table.cpp.
#pragma once

#include "base/exit_code.hpp"
#include "base/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace grapnel {

/// Each takes the words behind its name, and returns the exit code.
using Command = int(std::span<const std::string> words);

[[nodiscard]] Command cdi;
[[nodiscard]] Command config;
[[nodiscard]] Command configure;
[[nodiscard]] Command doctor;
[[nodiscard]] Command explain;
[[nodiscard]] Command info;
[[nodiscard]] Command list;
[[nodiscard]] Command nodes;
[[nodiscard]] Command log;
[[nodiscard]] Command blame;
[[nodiscard]] Command ps;

/// On standard error, as "grapnel: TEXT".
void complain(std::string_view text);

[[nodiscard]] Status say(std::string_view text);

/// The exit code; an error is a line on standard error. One of kind usage is exit_usage.
[[nodiscard]] int finish(const Status& done);

/// say() as a whole command.
[[nodiscard]] int answer(std::string_view text);

/// The line on standard error; exit_usage.
[[nodiscard]] int wrong_usage(const Error& error);

} // namespace grapnel
