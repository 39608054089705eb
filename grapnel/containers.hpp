// SPDX-License-Identifier: Apache-2.0
// The running containers that have the driver, from the records of their starts, /proc and cgroups:
// no daemon is asked and no GPU is opened.
#pragma once

#include "apply/cleanup_record.hpp"
#include "base/notices.hpp"
#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "sys/process_identity.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace grapnel {

struct GpuContainer {
    std::string id = {}; ///< for LXC the name; unknown: the mount namespace, mnt:[N]
    std::string engine = {};
    apply::StartFacts start = {};
    pid_t process = 0;                 ///< its first process
    std::int64_t since = 0;            ///< start of `process`, in seconds since 1970
    std::string cgroup = {};           ///< from the root of its hierarchy
    std::vector<pid_t> processes = {}; ///< of its cgroup; without its own cgroup `process` only
    std::string user = {}; ///< of a rootless engine: its user ID; that user can change its records
};

struct GpuContainers {
    std::vector<GpuContainer> containers = {}; ///< by ID
    Notices notices = {};                      ///< containers that can be missing, and why
};

/// For root the containers of all users, for a user the user's own.
[[nodiscard]] GpuContainers gpu_containers();

/// The process's cgroup, and the others in it.
void add_process(GpuContainer& container, const sys::ProcessIdentity& identity);

/// The container with that ID, or the only container with an ID that begins with `name`.
[[nodiscard]] Result<std::optional<GpuContainer>>
container_named(const std::string& name, const std::vector<GpuContainer>& containers);
[[nodiscard]] std::optional<GpuContainer>
container_of_process(pid_t process, const std::vector<GpuContainer>& containers);

/// The GPUs of this host, by index; empty without a driver.
[[nodiscard]] std::vector<Gpu> host_gpus();

} // namespace grapnel
