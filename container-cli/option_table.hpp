// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cmdline/table.hpp"
#include "options.hpp"

namespace grapnel::cli {

/// Options before the command.
[[nodiscard]] const std::vector<cmdline::Row<Options>>& global_rows();

/// Options of configure, list or info.
[[nodiscard]] const std::vector<cmdline::Row<Options>>& rows_of(Options::Command command);

[[nodiscard]] std::optional<Options::Command> command_of(std::string_view name);

[[nodiscard]] cmdline::Program program();

} // namespace grapnel::cli
