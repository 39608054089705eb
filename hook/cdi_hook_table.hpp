// SPDX-License-Identifier: Apache-2.0
// The command line of nvidia-cdi-hook and `nvidia-ctk hook` as a table.
#pragma once

#include "cmdline/table.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cdi_hook {

/// Words of the command line, unread.
struct Given {
    bool help = false;
    bool version = false;
    bool debug = false;
    bool quiet = false;
    std::optional<std::string> container_spec = {};
    std::vector<std::string> links = {};
    std::vector<std::string> folders = {};
    std::vector<std::string> paths = {};
    std::optional<std::string> mode = {};
    std::optional<std::string> ldconfig_path = {};
    std::optional<std::string> driver_version = {};
    std::optional<std::string> cuda_version = {};
    std::optional<std::string> compat_root = {};
};

using Rows = std::vector<cmdline::Row<Given>>;

/// Before the hook's name, and behind it too.
[[nodiscard]] const Rows& global_rows();

struct Entry {
    std::string_view name;
    std::string_view help;
    Rows rows; ///< with the global ones
};

/// In the order of apply::CdiHook, but for `noop`.
[[nodiscard]] const std::vector<Entry>& entries();

inline constexpr std::string_view noop_name = "noop";

[[nodiscard]] cmdline::Program program();

} // namespace grapnel::cdi_hook
