// SPDX-License-Identifier: Apache-2.0
// An engine's update of a running container. containerd sends its own device rules, without the
// rules of config.json, and crun replaces all others by them.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "command_line.hpp"

#include <string>
#include <vector>

namespace grapnel {

/// The arguments with which the low-level runtime makes the update that `line` asks for, the
/// program's name first: as they are, or, where new resources hold device rules and the container
/// has some of Grapnel's, with standard input as the resources, which then hold these too. The
/// low-level runtime is asked for the container's bundle. Standard input holds its content again.
[[nodiscard]] Result<std::vector<std::string>>
arguments_of_update(const CommandLine& line, const HostPath& low_level,
                    std::vector<std::string> arguments);

} // namespace grapnel
