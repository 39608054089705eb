// SPDX-License-Identifier: Apache-2.0
// The common part of the commands in options.hpp.
#pragma once

#include "command.hpp"
#include "options.hpp"

#include <span>
#include <string>
#include <vector>

namespace grapnel {

struct LookArguments {
    LookOptions options = {};
    std::vector<std::string> operands = {};
};

using LookWork = Status(const LookArguments& arguments);

/// Reads the words by the command's table, answers --help, and does the work.
[[nodiscard]] int look(const LookCommand& command, std::span<const std::string> words,
                       LookWork& work);

/// The same with within_time_limit().
[[nodiscard]] int look_at_host(const LookCommand& command, std::span<const std::string> words,
                               LookWork& work, int more_ms = 0);

/// An error of kind usage that names the command's --help.
[[nodiscard]] Error wrong_operand(const LookCommand& command, std::string what);

/// Refuses every operand.
[[nodiscard]] Status check_no_operand(const LookCommand& command, const LookArguments& arguments);

} // namespace grapnel
