// SPDX-License-Identifier: Apache-2.0
// A container by one of its processes: cgroup, engine and bundle, from /proc and the cgroups.
#pragma once

#include "base/path.hpp"
#include "oci/container_engine.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace grapnel {

/// "/proc/PID/NAME".
[[nodiscard]] std::string proc_path(pid_t process, std::string_view name);

/// The path of the process's cgroup: of version 2, or of version 1's device controller.
[[nodiscard]] std::string cgroup_of(pid_t process);

/// The processes in the cgroup; empty for no cgroup, and for the cgroup of this program.
[[nodiscard]] std::vector<pid_t> processes_in(const std::string& cgroup);

/// The same, with `first` in any case.
[[nodiscard]] std::vector<pid_t> processes_of(const std::string& cgroup, pid_t first);

/// The bundle of the process's container, as the engine's monitor (shim, conmon) has it. An
/// ancestor is the monitor only if the process's cgroup has the name of its bundle's container.
[[nodiscard]] std::optional<HostPath> bundle_of_process(pid_t process);

/// Engine and ID of the process's container, by its cgroup or its bundle: needs no record.
[[nodiscard]] std::optional<CgroupOwner> owner_of_process(pid_t process);

} // namespace grapnel
