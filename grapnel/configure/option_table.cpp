// SPDX-License-Identifier: Apache-2.0
#include "configure/option_table.hpp"

namespace grapnel::configure_command {

using namespace cmdline;

namespace {

constexpr std::string_view of_runtime = "config runtime-name runtime-path set-as-default";
constexpr std::string_view of_drop_in = "config runtime-name runtime-path set-as-default drop-in";

} // namespace

const std::array<KnownEngine, 4>& engines_known() {
    static const std::array<KnownEngine, 4> engines{{
        {"docker", Engine::docker, "the runtime, in /etc/docker/daemon.json",
         "/etc/docker/daemon.json", "", of_runtime},
        {"containerd", Engine::containerd, "the runtime, in a drop-in file",
         "/etc/containerd/config.toml", "/etc/containerd/conf.d/99-grapnel.toml", of_drop_in},
        {"crio", Engine::crio, "the runtime, in a drop-in file", "/etc/crio/crio.conf",
         "/etc/crio/crio.conf.d/99-grapnel.toml", of_drop_in},
        {"podman", Engine::podman, "the hook, in a directory of hooks", "", "",
         "hook-dir hook-path"},
    }};
    return engines;
}

const std::vector<Row<Given>>& option_rows() {
    using enum Value;
    static const std::string hook_dir_help =
        "podman: where the hook is entered (" + std::string(default_hook_dir) + ")";
    static const std::vector<Row<Given>> rows{
        {{"config", '\0', needed, "FILE",
          "the engine's configuration, instead of the one below /etc", files},
         set<&Given::config>},
        {{"drop-in", '\0', needed, "FILE", "containerd, crio: where the runtime is entered", files},
         set<&Given::drop_in>},
        {{"hook-dir", '\0', needed, "DIR", hook_dir_help, directories}, set<&Given::hook_dir>},
        {{"hook-path", '\0', needed, "PATH", "podman: the hook (grapnel-hook beside this program)",
          files},
         set<&Given::hook>},
        {{"runtime-name", '\0', needed, "NAME", "the runtime's name (nvidia)", words("nvidia")},
         set<&Given::runtime_name>},
        {{"runtime-path", '\0', needed, "PATH", "the runtime (grapnel-runtime beside this program)",
          files},
         set<&Given::runtime_path>},
        {{"set-as-default", '\0', none, "", "for all containers that name no runtime"},
         set_flag<&Given::set_as_default>},
        {{"cdi", '\0', none, "", "have the engine read CDI specifications"}, set_flag<&Given::cdi>},
        {{"unset", '\0', none, "", "take out what was entered"}, set_flag<&Given::unset>},
        {{"dry-run", '\0', none, "", "print the change as a diff, and change nothing"},
         set_flag<&Given::dry_run>},
        {{"help", 'h', none, "", "print this", {}, true}, set_flag<&Given::help>},
    };
    return rows;
}

cmdline::Command command() {
    cmdline::Command out{
        .name = "configure",
        .help = "enter the runtime or the hook in a container engine's configuration",
        .synopsis = "grapnel configure docker|containerd|crio|podman [OPTION]...",
        .about = "Enters Grapnel's runtime in the configuration of a container engine, for podman "
                 "its\nhook. What the files hold beside it stays as it is.\n",
        .operand = "engines",
        .options = options_of(option_rows()),
    };
    for (const auto& engine : engines_known())
        out.words.push_back({engine.name, engine.help});
    return out;
}

} // namespace grapnel::configure_command
