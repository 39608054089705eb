// SPDX-License-Identifier: Apache-2.0
// The driver's libraries in an ld.so.cache.
#pragma once

#include "elf/ld_cache.hpp"
#include "plan/plan.hpp"

#include <string>
#include <vector>

namespace grapnel::apply {

/// A name under which the loader finds a library that a container gets.
struct DriverName {
    InsidePath path = {}; ///< its last component is the name
    bool is_32bit = false;
};

/// Whether the SONAME of every library in the plan's library directories is known: of a Jetson's
/// and of Windows' they are not.
[[nodiscard]] bool knows_driver_names(const Plan& plan);

/// The SONAME of each of the plan's libraries in its library directories, and its links NAME.so,
/// as ldconfig enters them.
[[nodiscard]] std::vector<DriverName> driver_names(const Plan& plan);

/// The cache with an entry for each of the names, in the loader's order. Of the same names the
/// first comes first, and all of them before the image's entries of that name and ABI. Two kinds of
/// the image's entries go: entries of the same path, and entries for some CPUs (glibc-hwcaps),
/// which a loader prefers to every other. The views in the result point into the arguments.
[[nodiscard]] LdCacheFile merge_driver(const LdCacheFile& image,
                                       const std::vector<DriverName>& names);

} // namespace grapnel::apply
