// SPDX-License-Identifier: Apache-2.0
#include "doctor/options.hpp"

namespace grapnel::doctor_command {

using namespace cmdline;

const std::vector<Row<Given>>& option_rows() {
    using enum Value;
    static const std::vector<Row<Given>> rows{
        {{"json", '\0', none, "", "print the areas and findings as JSON"}, set_flag<&Given::json>},
        {{"fix", '\0', none, "", "mend findings that need no decision, then look again"},
         set_flag<&Given::fix>},
        {{"bundle", '\0', needed, "FILE", "write an archive for a bug report, without secrets",
          files},
         set<&Given::bundle>},
        {{"help", 'h', none, "", "print this", {}, true}, set_flag<&Given::help>},
    };
    return rows;
}

Command command() {
    return {
        .name = "doctor",
        .help = "say why containers get no GPU on this host, and the command that mends it",
        .synopsis = "grapnel doctor [OPTION]...",
        .about = "Looks at this host from the kernel to the container engines. A line for each "
                 "area; an\narea with findings shows each with its cause and a command. Changes "
                 "nothing without\n--fix.\n",
        .options = options_of(option_rows()),
    };
}

} // namespace grapnel::doctor_command
