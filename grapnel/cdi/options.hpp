// SPDX-License-Identifier: Apache-2.0
// The command line of grapnel cdi.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "cmdline/table.hpp"
#include "plan/cdi_spec.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace grapnel::cdi_command {

/// Words of the command line, unread.
struct Given {
    bool help = false;
    bool live = false;
    std::optional<std::string> output = {};
    std::optional<std::string> hook_path = {};
    std::vector<std::string> naming = {};
};

struct Options {
    bool help = false;
    std::optional<HostPath> output = {}; ///< nothing: standard output
    CdiOptions spec = {};
};

/// An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words);

[[nodiscard]] const std::vector<cmdline::Row<Given>>& option_rows();

[[nodiscard]] cmdline::Command command();

} // namespace grapnel::cdi_command
