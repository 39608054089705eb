// SPDX-License-Identifier: Apache-2.0
// Which of the driver's kernel modules a container needs and the host has not loaded.
#pragma once

#include "base/driver_capability.hpp"
#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::driver {

/// In the order in which they are loaded: nvidia, nvidia-uvm (compute, video), nvidia-modeset
/// (display, graphics).
[[nodiscard]] std::vector<std::string> missing_modules(const sys::HostFs& host,
                                                       DriverCapabilities wanted);

/// Whether there is a GPU that they could drive: one of NVIDIA's on the PCI bus. The GPU of a
/// virtual machine of Windows (/dev/dxg) does not count: its driver is no kernel module.
[[nodiscard]] bool has_use_for_modules(const sys::HostFs& host);

/// Of vendor NVIDIA and a display class, on the PCI bus.
[[nodiscard]] bool has_nvidia_gpu(const sys::HostFs& host);

} // namespace grapnel::driver
