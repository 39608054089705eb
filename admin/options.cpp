// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

namespace grapnel {

using namespace cmdline;

namespace {

using enum Value;
using LookRow = Row<LookOptions>;

const LookRow help_row{{"help", 'h', none, "", "print this", {}, true},
                       set_flag<&LookOptions::help>};
const LookRow json_row{{"json", '\0', none, "", "print JSON: see grapnel-json(5)"},
                       set_flag<&LookOptions::json>};
const LookRow environment_row{
    {"env", '\0', needed, "NAME=VALUE",
     "a variable of the container, as NVIDIA_VISIBLE_DEVICES=0; can be repeated"},
    append<&LookOptions::environment>};

LookCommand made(Command command, LookRows rows) {
    command.options = options_of(rows);
    return {.rows = std::move(rows), .command = std::move(command)};
}

} // namespace

const LookCommand& info_command() {
    static const auto made_once =
        made({.name = "info",
              .help = "print the driver, the GPUs and the container engines of this host",
              .synopsis = "grapnel info [OPTION]..."},
             {json_row, help_row});
    return made_once;
}

const LookCommand& list_command() {
    static const auto made_once =
        made({.name = "list",
              .help = "print the files and device nodes that a container would get",
              .synopsis = "grapnel list [OPTION]...",
              .about = "Without --env: all of the driver, and every GPU.\n"},
             {environment_row, json_row, help_row});
    return made_once;
}

const LookCommand& explain_command() {
    static const auto made_once =
        made({.name = "explain",
              .help = "print the page of a finding of grapnel doctor",
              .synopsis = "grapnel explain CODE",
              .about = "CODE is that of a finding: GR0103. Its page has the cause and the cure.\n"},
             {help_row});
    return made_once;
}

} // namespace grapnel
