// SPDX-License-Identifier: Apache-2.0
// The commands of grapnel. A new command is a file here, a line in tool.cpp and a line in
// option_table.cpp.
#pragma once

#include "base/exit_code.hpp"
#include "base/notices.hpp"
#include "base/result.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace grapnel {

/// A command takes the words behind its name, and returns the exit code.
using Command = int(std::span<const std::string> words);

[[nodiscard]] Command cdi;
[[nodiscard]] Command cdi_of_nvidia_ctk; ///< in NVIDIA's form by default
[[nodiscard]] Command cache;
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

/// Writes "grapnel: TEXT" on standard error.
void complain(std::string_view text);

/// Each in a line of its own.
void complain(const Notices& notices);

/// Writes the text on standard output.
[[nodiscard]] Status say(std::string_view text);

/// Returns the exit code, exit_usage for an error of kind usage; prints an error as a line on
/// standard error.
[[nodiscard]] int finish(const Status& done);

/// The exit code of `work`, which looks at the host, in a child process with a time limit: no file
/// system holds up this process (confine/supervise.hpp). `more_ms` is added to the limit.
[[nodiscard]] int within_time_limit(const std::function<int()>& work, int more_ms = 0);

/// A whole command that prints the text: say() and its exit code.
[[nodiscard]] int answer(std::string_view text);

/// Prints the error on standard error; returns exit_usage.
[[nodiscard]] int wrong_usage(const Error& error);

} // namespace grapnel
