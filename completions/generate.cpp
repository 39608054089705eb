// SPDX-License-Identifier: Apache-2.0
// Runs while Grapnel is built. PROGRAM's completions for a shell, or the list of its options:
//
//   generate grapnel-hook|nvidia-cdi-hook|grapnel-cli|grapnel bash|fish|zsh|list
#include "../container-cli/option_table.hpp"
#include "../grapnel/option_table.hpp"
#include "../hook/cdi_hook_table.hpp"
#include "../hook/option_table.hpp"
#include "shells.hpp"

#include <array>
#include <cstdio>

namespace {

using namespace grapnel;

struct Shell {
    std::string_view name;
    std::string (*script)(const cmdline::Program& program);
};
constexpr std::array<Shell, 4> shells{{
    {"bash", completions::bash},
    {"fish", completions::fish},
    {"zsh", completions::zsh},
    {"list", completions::list},
}};

} // namespace

int main(int argc, char** argv) {
    if (argc == 3)
        for (const auto& program :
             {hook_program(), cdi_hook::program(), cli::program(), tool_program()})
            for (const auto& shell : shells)
                if (program.names.front() == argv[1] && shell.name == argv[2])
                    return std::fputs(shell.script(program).c_str(), stdout) < 0 ? 1 : 0;
    (void)std::fputs("usage: generate PROGRAM bash|fish|zsh|list\n", stderr);
    return 2;
}
