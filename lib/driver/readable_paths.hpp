// SPDX-License-Identifier: Apache-2.0
// The part of a host that an inventory reads, for a process that gives up the rest before it parses
// an image's values (landlock(7)).
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <vector>

namespace grapnel {

/// Where distributions and installers put drivers, where this host's ld.so.cache and settings name
/// one. Of the files in JetPack's lists, which are only mounted, it has libcuda alone; a pattern of
/// a list needs the names in its directory. /dev is not in it: its nodes are listed and not opened.
[[nodiscard]] ReadablePaths readable_paths(const sys::HostFs& host, const InventoryScope& scope);

/// The error of a driver's file that leads to none of them; `real`: where it leads.
[[nodiscard]] Error outside_readable(const HostPath& path, const HostPath& real);

[[nodiscard]] bool is_at_or_below(const HostPath& path, const HostPath& directory);

/// Whether the path, which has no link in it, lies at or below one of these, which may have.
[[nodiscard]] bool is_among(const sys::HostFs& host, const std::vector<HostPath>& paths,
                            const HostPath& real);

} // namespace grapnel
