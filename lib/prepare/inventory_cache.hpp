// SPDX-License-Identifier: Apache-2.0
// The inventory cache: inventories that starts took of this host, in /run/grapnel-inventory, each
// with the answers of the host that it follows from. An entry is valid for as long as the host
// gives the same answers, since this boot, to the same program. A start then looks at each file of
// the driver once and parses none.
//
// An entry decides which files of the host later containers get. So the cache is not in
// /run/grapnel, which processes can change that parse what an image or a user wrote: nothing that
// does so can write here.
#pragma once

#include "base/path.hpp"
#include "driver/serialized_inventory.hpp"
#include "prepare/log.hpp"
#include "sys/host_fs.hpp"

#include <optional>
#include <string>

namespace grapnel {

/// The settings' roots, below which the driver is seen.
struct DriverRoots {
    HostPath driver = {};
    HostPath device = {};
};

/// The place of one inventory in the cache.
class InventoryCache {
  public:
    /// `host` must outlive this object; the driver is seen through it. `scope`: serialized, all
    /// that an inventory depends on besides the host's answers and the roots.
    InventoryCache(const sys::HostFs& host, const DriverRoots& roots, const std::string& scope);

    /// Nothing: there is no entry, it is stale or damaged, or a user other than root can write it.
    [[nodiscard]] std::optional<Inventory> read() const;

    /// Best effort, as keep_file(). An inventory without observations is not kept, nor one of more
    /// than 256 KiB: /run is memory, and 256 of them are kept at most.
    void keep(const ObservedInventory& observed, const Log& log) const;

  private:
    const sys::HostFs& host_;
    std::string key_ = {}; ///< empty: this boot or program cannot be told from another
    HostPath file_ = {};
};

/// /run/grapnel-inventory
[[nodiscard]] const HostPath& inventory_cache_directory();

/// One entry, for a program that shows it.
struct CachedInventory {
    HostPath program = {};      ///< it was made by that, and serves that
    bool is_of_program = false; ///< the program was not replaced since
    DriverRoots roots = {};
    ObservedInventory observed = {};
};

/// Nothing: the file is damaged, of another boot, or a user other than root can write it.
[[nodiscard]] std::optional<CachedInventory> read_cached_inventory(const sys::HostFs& host,
                                                                   const HostPath& file);

} // namespace grapnel
