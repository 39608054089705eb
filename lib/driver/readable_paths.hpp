// SPDX-License-Identifier: Apache-2.0
// The part of a host that an inventory reads, for a process that gives up the rest before it parses
// an image's values (landlock(7)).
#pragma once

#include "base/path.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <vector>

namespace grapnel {

/// Files and directories, with all below them: where distributions and installers put drivers,
/// where this host's ld.so.cache, settings and lists of JetPack name one. Some are missing. /dev is
/// not in it: its nodes are listed and not opened.
[[nodiscard]] std::vector<HostPath> readable_paths(const sys::HostFs& host,
                                                   const InventoryScope& scope);

[[nodiscard]] bool is_at_or_below(const HostPath& path, const HostPath& directory);

} // namespace grapnel
