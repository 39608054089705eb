// SPDX-License-Identifier: Apache-2.0
// Texts of small files that a container sees in the place of the host's, or beside them.
#pragma once

#include "base/path.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace grapnel {

/// The driver's /proc/driver/nvidia/params: its user space must not make or change device nodes in
/// a container.
[[nodiscard]] std::string without_device_changes(std::string params);

/// /proc/driver/nvidia
[[nodiscard]] const InsidePath& driver_proc_directory();

/// The directory of the driver's application profiles, and a name in it.
[[nodiscard]] const InsidePath& application_profiles();
inline constexpr const char* application_profile_name = "10-container.conf";

/// EGL and Vulkan would list every GPU of the machine, and fail on GPUs that the container lacks.
/// The setting is a mask of device minors; the driver has no way to name one past its width.
/// Nothing: no minor fits.
[[nodiscard]] std::optional<std::string>
application_profile(const std::vector<std::uint32_t>& minors);

} // namespace grapnel
