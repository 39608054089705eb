// SPDX-License-Identifier: Apache-2.0
// Programs, firmware, sockets and files of /proc that come with the driver.
#pragma once

#include "base/path.hpp"
#include "driver/inventory.hpp"
#include "driver/library_directories.hpp"
#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::driver {

[[nodiscard]] std::vector<Binary>
binaries(const sys::HostFs& host, const InventoryScope& scope,
         const std::vector<LibraryDirectory>& library_directories);

/// Where the kernel looks for firmware, in its order (drivers/base/firmware_loader/main.c).
[[nodiscard]] std::vector<HostPath> firmware_directories(const sys::HostFs& host);

[[nodiscard]] std::vector<HostPath> firmware(const sys::HostFs& host, const std::string& version);

[[nodiscard]] std::vector<HostPath> sockets(const sys::HostFs& host, DriverCapabilities wanted);

[[nodiscard]] std::vector<HostPath> socket_directories(const sys::HostFs& host,
                                                       DriverCapabilities wanted);

[[nodiscard]] std::vector<ProcFile> proc_files(const sys::HostFs& host);

/// True of a regular file; links are followed.
[[nodiscard]] bool is_file(const sys::HostFs& host, const HostPath& path);

} // namespace grapnel::driver
