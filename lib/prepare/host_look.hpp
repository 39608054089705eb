// SPDX-License-Identifier: Apache-2.0
// The inventory of this host, with what is known of it from earlier looks.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "prepare/log.hpp"
#include "settings/settings.hpp"
#include "sys/host_fs.hpp"

namespace grapnel {

/// The means of a process to look at the host.
struct HostLook {
    const sys::HostFs& host; ///< the driver is seen through it
    const Settings& settings;
    const Log& log;
    const ReadablePaths& readable; ///< by Landlock; empty: everything
    /// A confined child reads the driver's files, and this process takes over what it found once
    /// that can be true (inventory_check.hpp).
    bool in_child = false;
    enum class Caches { are_left, are_filled, suffice };
    Caches caches = Caches::are_left;
};

/// The inventory of the scope; its known GPUs and directories, and the other members that are this
/// function's, are filled in. With caches, it is the one of the inventory cache where that is valid
/// (inventory_cache.hpp); a child's is kept there. Where the caches have to suffice, another one is
/// an error.
[[nodiscard]] Result<Inventory> look_at_host(const HostLook& look, InventoryScope scope);

/// The GPU info cache, as a hook has filled it since this boot; nothing else is asked.
[[nodiscard]] std::vector<KnownGpu> known_gpus_of_this_boot();

} // namespace grapnel
