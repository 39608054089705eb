// SPDX-License-Identifier: Apache-2.0
// The part of a low-level runtime's command line that names the bundle of a new container, or the
// resources of an update. It is read as runc and crun read it: options of the program, a command,
// options of the command, the container's ID. A container can be named like a command, and a value
// can look like one.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace grapnel {

struct CommandLine {
    bool version = false;         ///< the runtime is asked for its version
    bool help = false;            ///< the runtime is asked for its help
    bool makes_container = false; ///< create or run
    bool updates = false;         ///< update, with resources
    std::string resources = {};   ///< of update: a file, or "-" for standard input
    std::size_t command_at = 0;   ///< which of the arguments the command is
    std::size_t id_at = 0;        ///< of update: and which the ID
    std::string bundle = ".";
    std::string id = {};
    std::string log = {}; ///< --log: where the engine looks for the reason of a failure; or empty
    bool log_is_json = false;

    bool operator==(const CommandLine&) const = default;
};

/// `arguments` without the program's name. Never fails: the low-level runtime refuses a wrong
/// command line.
[[nodiscard]] CommandLine parse_command_line(std::span<const char* const> arguments);

} // namespace grapnel
