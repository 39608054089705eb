// SPDX-License-Identifier: Apache-2.0
// The directories that hold this driver's libraries.
#pragma once

#include "base/notices.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "sys/host_fs.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace grapnel::driver {

/// A directory without links in its path, with its names, sorted. Names that cannot be the
/// driver's are left out.
struct LibraryDirectory {
    HostPath path = {};
    std::vector<std::string> names = {};
};

struct LibraryDirectories {
    std::vector<LibraryDirectory> directories = {};
    std::vector<KnownDirectory> known = {};
};

/// The directories that hold libraries of the driver `version`, in the order of the search,
/// without duplicates.
[[nodiscard]] Result<LibraryDirectories> library_directories(const sys::HostFs& host,
                                                             const InventoryScope& scope,
                                                             const std::string& version,
                                                             Notices& notices);

/// True of libX.so.VERSION.
[[nodiscard]] bool has_version(std::string_view name, std::string_view version);

/// The driver's libnvidia-ml of this machine's architecture; empty if missing.
[[nodiscard]] HostPath management_library(const sys::HostFs& host,
                                          const std::vector<LibraryDirectory>& directories,
                                          const std::string& version);

} // namespace grapnel::driver
