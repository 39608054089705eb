// SPDX-License-Identifier: Apache-2.0
// The options of all commands but cdi, configure and doctor.
#pragma once

#include "cmdline/table.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel {

/// Options as given. Each command has some of them.
struct LookOptions {
    bool help = false;
    bool json = false;
    bool prometheus = false;
    bool dry_run = false;
    std::optional<std::string> config = {};
    std::optional<std::string> docker = {};
    std::optional<std::string> podman = {};
    std::optional<std::string> cri = {};
    std::optional<std::string> pid = {};
    std::optional<std::string> gpu = {};
    std::vector<std::string> environment = {};
};

using LookRows = std::vector<cmdline::Row<LookOptions>>;

struct LookCommand {
    LookRows rows = {};
    cmdline::Command command = {};
};

[[nodiscard]] const LookCommand& info_command();
[[nodiscard]] const LookCommand& list_command();
[[nodiscard]] const LookCommand& explain_command();
[[nodiscard]] const LookCommand& ps_command();
[[nodiscard]] const LookCommand& config_command_table();
[[nodiscard]] const LookCommand& nodes_command();
[[nodiscard]] const LookCommand& cache_command();
[[nodiscard]] const LookCommand& log_command();
[[nodiscard]] const LookCommand& blame_command();

} // namespace grapnel
