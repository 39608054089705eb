// SPDX-License-Identifier: Apache-2.0
// The command line of grapnel configure.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "engine_config/engine.hpp"

#include <optional>
#include <span>
#include <string>

namespace grapnel::configure_command {

enum class Engine { docker, containerd, crio, podman };

/// Words of the command line, unread.
struct Given {
    bool help = false;
    bool unset = false;
    bool dry_run = false;
    bool set_as_default = false;
    bool cdi = false;
    std::optional<std::string> config = {};
    std::optional<std::string> drop_in = {};
    std::optional<std::string> hook_dir = {};
    std::optional<std::string> hook = {};
    std::optional<std::string> runtime_name = {};
    std::optional<std::string> runtime_path = {};
};

struct Options {
    bool help = false;
    Engine engine = Engine::docker;
    HostPath config = {};   ///< docker, containerd, crio
    HostPath drop_in = {};  ///< containerd, crio
    HostPath hook_dir = {}; ///< podman
    HostPath hook = {};     ///< podman: the program
    engine_config::RuntimeEntry entry = {};
    bool unset = false;
    bool dry_run = false;
};

/// Options that are not given have the defaults of the engine. An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words);

} // namespace grapnel::configure_command
