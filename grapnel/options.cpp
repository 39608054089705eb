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
    static const auto made_once = made(
        {.name = "explain",
         .help = "print what the hook does for a container and why, or the page of a finding",
         .synopsis = "grapnel explain BUNDLE|CODE|OPTION...",
         .about = "BUNDLE is a directory with a config.json; CODE that of a finding of grapnel\n"
                  "doctor, as GR0103. Without them an option names the container.\n",
         .completion = directories},
        {{{"docker", '\0', needed, "NAME", "a container of Docker, running or not"},
          set<&LookOptions::docker>},
         {{"podman", '\0', needed, "NAME", "a container of podman, running or not"},
          set<&LookOptions::podman>},
         {{"cri", '\0', needed, "ID", "a container that kubelet started"}, set<&LookOptions::cri>},
         {{"pid", '\0', needed, "PID", "the container of that process"}, set<&LookOptions::pid>},
         environment_row,
         json_row,
         help_row});
    return made_once;
}

const LookCommand& ps_command() {
    static const auto made_once =
        made({.name = "ps",
              .help = "print which running container has which GPUs",
              .synopsis = "grapnel ps [OPTION]..."},
             {{{"gpu", '\0', needed, "GPU", "only containers that have it: an index or a UUID"},
               set<&LookOptions::gpu>},
              json_row,
              {{"prometheus", '\0', none, "",
                "print metrics for the textfile collector of node_exporter"},
               set_flag<&LookOptions::prometheus>},
              help_row});
    return made_once;
}

const LookCommand& config_command_table() {
    static const auto made_once =
        made({.name = "config",
              .help = "check, show and change the settings",
              .synopsis = "grapnel config COMMAND [OPTION]...",
              .operand = "commands",
              .words = {{"check", "say the first mistake, with its line"},
                        {"show", "print every key with its value and its source"},
                        {"set", "KEY VALUE: change one key; all else in the file stays"},
                        {"default", "print the file with every default"}}},
             {{{"config", '\0', needed, "FILE", "the settings, instead of the usual file", files},
               set<&LookOptions::config>},
              json_row,
              help_row});
    return made_once;
}

const LookCommand& nodes_command() {
    static const auto made_once =
        made({.name = "nodes",
              .help = "make the driver's device nodes where they are missing",
              .synopsis = "grapnel nodes create [OPTION]...",
              .operand = "commands",
              .words = {{"create", "load missing kernel modules, and make missing nodes"}}},
             {{{"dry-run", '\0', none, "", "print the missing nodes, and make none"},
               set_flag<&LookOptions::dry_run>},
              help_row});
    return made_once;
}

const LookCommand& cache_command() {
    static const auto made_once = made(
        {.name = "cache",
         .help = "show or drop the facts on this host that the hook keeps for later starts",
         .synopsis = "grapnel cache COMMAND [OPTION]...",
         .operand = "commands",
         .words = {{"show", "print each file of the caches, its content, and whether it is valid"},
                   {"drop", "remove these files: the next start looks at the host"}}},
        {json_row, help_row});
    return made_once;
}

const LookCommand& log_command() {
    static const auto made_once = made({.name = "log",
                                        .help = "print the log's lines of a container",
                                        .synopsis = "grapnel log [OPTION]... CONTAINER"},
                                       {json_row, help_row});
    return made_once;
}

const LookCommand& blame_command() {
    static const auto made_once =
        made({.name = "blame",
              .help = "print the milliseconds of each step of a container's last start",
              .synopsis = "grapnel blame [OPTION]... CONTAINER"},
             {json_row, help_row});
    return made_once;
}

} // namespace grapnel
