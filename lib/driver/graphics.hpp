// SPDX-License-Identifier: Apache-2.0
// Configuration files of graphics loaders, modules of the X server, DRM nodes.
#pragma once

#include "base/notices.hpp"
#include "base/path.hpp"
#include "driver/inventory.hpp"
#include "driver/library_directories.hpp"
#include "driver/nodes.hpp"
#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::driver {

[[nodiscard]] std::vector<ConfigFile>
config_files(const sys::HostFs& host, const InventoryScope& scope,
             const std::vector<LibraryDirectory>& library_directories, Notices& notices);

[[nodiscard]] std::vector<HostPath>
x_server_modules(const sys::HostFs& host, const std::string& version, DriverCapabilities wanted,
                 const std::vector<LibraryDirectory>& library_directories);

/// The nodes that the kernel's graphics subsystem has for the GPU at that PCI address.
[[nodiscard]] std::vector<Node> drm_nodes(const sys::HostFs& host, const Majors& majors,
                                          const std::string& pci, Notices& notices);

} // namespace grapnel::driver
