// SPDX-License-Identifier: Apache-2.0
#include "option_table.hpp"

namespace grapnel {

using namespace cmdline;

const std::vector<Row<Options>>& hook_options() {
    using enum Value;
    using Action = Options::Action;
    static const std::vector<Row<Options>> rows{
        {{"config", '\0', needed, "FILE", "the settings, instead of /etc/grapnel/config.toml",
          files},
         set<&Options::config_text>},
        {{"container", '\0', needed, "ID",
          "precreate: for the log, of a caller that logs a failure itself"},
         set<&Options::container>},
        {{"cdi-device", '\0', needed, "NAME",
          "prestart, createRuntime: the CDI name that this hook stands for"},
         set<&Options::cdi_device>},
        {{"debug", '\0', none, "", "write warnings on standard error too"},
         set_flag<&Options::debug>},
        {{"dry-run", '\0', none, "", "print the plan as JSON and touch nothing"},
         set_flag<&Options::dry_run>},
        {{"version", 'v', none, "", "print the version", {}, true},
         assign<&Options::action, Action::version>},
        {{"help", 'h', none, "", "print this", {}, true}, assign<&Options::action, Action::help>},
    };
    return rows;
}

Program hook_program() {
    Program program{
        .names = {"grapnel-hook", "nvidia-container-runtime-hook", "nvidia-container-toolkit"}};
    program.itself = {
        .synopsis = "grapnel-hook [OPTION]... STAGE",
        .about =
            "An OCI hook that gives a container the NVIDIA driver of its host. The container's\n"
            "state is read on standard input.\n",
        .operand = "stages",
        .options_note = ", with one dash or two",
        .options = options_of(hook_options()),
    };
    for (const auto& stage : stages)
        program.itself.words.push_back(stage.first);
    return program;
}

} // namespace grapnel
