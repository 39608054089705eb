// SPDX-License-Identifier: Apache-2.0
#include "option_table.hpp"

#include "cdi/options.hpp"
#include "configure/option_table.hpp"
#include "doctor/options.hpp"
#include "options.hpp"

namespace grapnel {

using namespace cmdline;

const std::vector<Row<ToolOptions>>& tool_options() {
    using Action = ToolOptions::Action;
    static const std::vector<Row<ToolOptions>> rows{
        {{"version", 'v', Value::none, "", "print the version", {}, true},
         assign<&ToolOptions::action, Action::version>},
        {{"help", 'h', Value::none, "", "print this; after a command, its own help", {}, true},
         assign<&ToolOptions::action, Action::help>},
    };
    return rows;
}

Program tool_program() {
    Program program{
        .names = {"grapnel"},
        .commands = {configure_command::command(), cdi_command::command(), info_command().command,
                     list_command().command, doctor_command::command(), explain_command().command,
                     ps_command().command, config_command_table().command, nodes_command().command,
                     cache_command().command, log_command().command, blame_command().command}};
    program.itself = {
        .synopsis = "grapnel COMMAND [ARGUMENT]...",
        .operand = "commands",
        .options = options_of(tool_options()),
    };
    for (const auto& command : program.commands)
        program.itself.words.push_back({command.name, command.help});
    return program;
}

} // namespace grapnel
