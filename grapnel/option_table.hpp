// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cmdline/table.hpp"

namespace grapnel {

/// Options of grapnel itself, before a command.
struct ToolOptions {
    enum class Action { run, help, version };
    Action action = Action::run;
};

[[nodiscard]] const std::vector<cmdline::Row<ToolOptions>>& tool_options();

[[nodiscard]] cmdline::Program tool_program();

} // namespace grapnel
