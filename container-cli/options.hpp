// SPDX-License-Identifier: Apache-2.0
// The command line of nvidia-container-cli: GLOBAL OPTIONS, a command, its own options.
#pragma once

#include "base/driver_capability.hpp"
#include "base/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cli {

/// The words of the command line, with unparsed values; request.hpp parses these.
struct Options {
    enum class Command { configure, list, info, help, usage, version };
    Command command = Command::configure;
    std::string help_of = {}; ///< a command, or empty: of the program

    // before the command
    std::string debug = {};
    bool load_kmods = false;
    bool no_create_imex_channels = false;
    std::string root = {};
    std::string ldcache = {};
    std::optional<std::string> user = {}; ///< empty: the user of this process

    // of configure and list
    std::vector<std::string> devices = {};
    std::vector<std::string> imex_channels = {};
    std::optional<std::string> mig_config = {};
    std::optional<std::string> mig_monitor = {};
    bool compat32 = false;
    bool no_persistenced = false;
    bool no_fabricmanager = false;
    bool no_gsp_firmware = false;

    // of configure alone
    std::optional<std::string> pid = {};
    std::vector<std::string> requirements = {};
    std::optional<std::string> ldconfig = {};
    DriverCapabilities driver_capabilities = {}; ///< without compat32
    bool no_cgroups = false;
    bool no_devbind = false;
    bool no_cntlibs = false;
    std::optional<std::string> cuda_compat_mode = {};
    std::string rootfs = {};

    // of list alone
    bool libraries = false;
    bool binaries = false;
    bool ipcs = false;
    bool firmwares = false;

    bool csv = false; ///< of info alone

    bool operator==(const Options&) const = default;
};

/// `words` without the program's name. An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words);

/// The text of --help, of the program or one of its commands; of --usage: its first lines.
[[nodiscard]] std::string help(std::string_view command);
[[nodiscard]] std::string usage(std::string_view command);

} // namespace grapnel::cli
