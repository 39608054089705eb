// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cmdline/table.hpp"
#include "configure/options.hpp"

#include <array>

namespace grapnel::configure_command {

struct KnownEngine {
    std::string_view name;
    Engine engine;
    std::string_view help;
    std::string_view config;
    std::string_view drop_in;
    std::string_view options; ///< names, separated by blanks: for this and other engines, not all
};

inline constexpr std::string_view default_hook_dir = "/usr/share/containers/oci/hooks.d";

[[nodiscard]] const std::array<KnownEngine, 4>& engines_known();

[[nodiscard]] const std::vector<cmdline::Row<Given>>& option_rows();

[[nodiscard]] cmdline::Command command();

} // namespace grapnel::configure_command
