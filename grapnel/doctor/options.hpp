// SPDX-License-Identifier: Apache-2.0
// The command line of grapnel doctor.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "cmdline/table.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace grapnel::doctor_command {

/// Words of the command line, unread.
struct Given {
    bool help = false;
    bool json = false;
    bool fix = false;
    std::optional<std::string> bundle = {};
};

struct Options {
    bool help = false;
    bool json = false;
    bool fix = false;
    std::optional<HostPath> bundle = {}; ///< the archive to be written
};

/// An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words);

[[nodiscard]] const std::vector<cmdline::Row<Given>>& option_rows();

[[nodiscard]] cmdline::Command command();

} // namespace grapnel::doctor_command
