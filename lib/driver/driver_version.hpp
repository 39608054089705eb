// SPDX-License-Identifier: Apache-2.0
// The version of the driver, and of the CUDA that it serves.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "driver/library_directories.hpp"
#include "sys/host_fs.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::driver {

/// The version of the loaded kernel module.
[[nodiscard]] Result<std::string> driver_version(const sys::HostFs& host);

/// The driver's version at the end of the name of one of its libraries; nothing for another file.
/// An image or a Jetson can have libcuda.so.1.1: a driver's version has three digits first.
[[nodiscard]] std::optional<std::string> version_in_name(std::string_view name);

/// From libcuda's note, else by the driver's branch.
[[nodiscard]] std::optional<std::string>
cuda_version(const sys::HostFs& host, const std::vector<LibraryDirectory>& directories,
             const std::string& driver_version);

/// The same by the driver's branch alone.
[[nodiscard]] std::optional<std::string> cuda_of_branch(const std::string& driver_version);

/// From the note of this libcuda.
[[nodiscard]] std::optional<std::string> cuda_version_in(const sys::HostFs& host,
                                                         const HostPath& library);

} // namespace grapnel::driver
