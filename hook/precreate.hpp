// SPDX-License-Identifier: Apache-2.0
// The stage precreate: adds the device rules, groups and hooks to a container's configuration
// before the container is made. podman has this stage; grapnel-runtime uses it for all others.
#pragma once

#include "base/result.hpp"
#include "options.hpp"
#include "prepare/log.hpp"
#include "prepare/modules.hpp"

namespace grapnel {

/// Reads config.json on standard input and writes it to standard output. If the container asks
/// for GPUs it has in addition this hook at prestart and poststop, the device rules of the planned
/// nodes, and the groups that may use them, where the container's user namespace has these; device
/// nodes that the host lacks are made, unless it is a dry run. Otherwise it is the same text, but
/// for rules that this stage added when the container last asked.
///
/// A child process does the work, with a time limit (supervise.hpp). Returns the exit code.
[[nodiscard]] Result<int> precreate(const Options& options, ModuleLoader& modules, Log& log);

} // namespace grapnel
