// SPDX-License-Identifier: Apache-2.0
// The command line of grapnel configure.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "engines/engine.hpp"

#include <optional>
#include <string>

namespace grapnel::configure_command {

enum class Engine { docker, containerd, crio, podman };

struct Options {
    bool help = false;
    Engine engine = Engine::docker;
    HostPath config = {};   ///< docker, containerd, crio
    HostPath drop_in = {};  ///< containerd, crio
    HostPath hook_dir = {}; ///< podman
    HostPath hook = {};     ///< podman: the program
    engines::RuntimeEntry entry = {};
    bool unset = false;
    bool dry_run = false;
};

/// With the defaults of the engine where nothing is said. An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

[[nodiscard]] std::string usage();

} // namespace grapnel::configure_command
