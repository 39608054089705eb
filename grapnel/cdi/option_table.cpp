// SPDX-License-Identifier: Apache-2.0
#include "cdi/options.hpp"

namespace grapnel::cdi_command {

using namespace cmdline;

const std::vector<Row<Given>>& option_rows() {
    using enum Value;
    static const std::vector<Row<Given>> rows{
        {{"output", '\0', needed, "FILE", "write this file, instead of standard output", files},
         set<&Given::output>},
        {{"device-name-strategy", '\0', needed, "STRATEGY",
          "index, uuid or type-index; several times for several names (index and uuid)",
          words("index uuid type-index")},
         append<&Given::naming>},
        {{"hook-path", '\0', needed, "PATH", "the hook (" GRAPNEL_BINDIR "/grapnel-hook)", files},
         set<&Given::hook_path>},
        {{"live", '\0', none, "", "names and a hook alone, as without this option"},
         set_flag<&Given::live>},
        {{"help", 'h', none, "", "print this", {}, true}, set_flag<&Given::help>},
    };
    return rows;
}

Command command() {
    return {
        .name = "cdi",
        .help = "write a file for engines that know the Container Device Interface",
        .synopsis = "grapnel cdi generate [OPTION]...",
        .about =
            "Prints a CDI file with the names of this host's GPUs. The driver is found when a\n"
            "container starts, so the file stays right after an update of the driver.\n",
        .operand = "commands",
        .words = {{"generate", "print the file, or write it with --output"}},
        .options = options_of(option_rows()),
    };
}

} // namespace grapnel::cdi_command
