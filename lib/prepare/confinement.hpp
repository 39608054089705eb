// SPDX-License-Identifier: Apache-2.0
// A program gives up all that it does not need before it reads its input.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "prepare/log.hpp"
#include "prepare/modules.hpp"
#include "prepare/probe.hpp"
#include "settings/settings.hpp"

#include <vector>

namespace grapnel {

/// After the command line, before any other input: the helper process for kernel modules is
/// started, resources are limited, Linux capabilities are cut to the needs of the phases, the
/// filter for the host's side is loaded. A program that loads no modules has no helper process.
/// `program` stands at the beginning of the line that a denied system call ends the program with.
enum class Modules { can_be_loaded, stay };
[[nodiscard]] Result<ModuleLoader> confine_process(const char* program, Modules modules);

/// The means that a process keeps after confine_description() or confine_dry_run().
struct Description {
    ProbeStarter probe = {};
    /// Below the driver root; without a path to read: Landlock does not confine this process.
    ReadablePaths readable = {};
};

/// For a program that describes the host and changes no container, once its settings are known and
/// before it parses anything else: a helper process for grapnel-probe is started; from then on this
/// process has no CAP_SYS_ADMIN, no system call for mounts, programs or sockets, and by Landlock it
/// executes nothing, reads `also_read` and the directories of drivers alone
/// (driver/readable_paths.hpp), lists /dev, and changes no file but these:
///
/// | changes         | log | /run/grapnel | nodes in /dev |
/// | none            |     |              |               |
/// | state           | yes | yes          |               |
/// | state_and_nodes | yes | yes          | yes           |
///
/// With state_and_nodes it reads /run/grapnel-inventory (inventory_cache.hpp).
enum class HostChanges { none, state, state_and_nodes };
[[nodiscard]] Result<Description> confine_description(const Settings& settings, const Log& log,
                                                      HostChanges changes,
                                                      const std::vector<HostPath>& also_read = {});

/// The same without a helper process, with state_and_nodes: of the host this process reads /proc,
/// /sys, /run/grapnel and /run/grapnel-inventory alone.
[[nodiscard]] Status confine_to_caches(const Settings& settings, const Log& log);

/// The same without a helper process, once the root file system of a container is open.
[[nodiscard]] Result<Description> confine_dry_run(const Settings& settings, sys::FdRef root,
                                                  const Log& log);

struct ConfinedLook {
    ReadablePaths readable = {}; ///< as Description::readable
    Status landlock = {};        ///< an error: Landlock does not confine this process
};

/// For a process that looks at the host for another one, and does nothing else: it reads where
/// drivers lie, lists /dev, and changes no file. Its one Linux capability is CAP_DAC_READ_SEARCH.
[[nodiscard]] Result<ConfinedLook> confine_look(const Settings& settings);

} // namespace grapnel
