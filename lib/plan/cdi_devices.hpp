// SPDX-License-Identifier: Apache-2.0
// The device names of a CDI file, https://github.com/cncf-tags/container-device-interface
// (SPEC.md), and the request behind each name.
#pragma once

#include "driver/inventory.hpp"
#include "request/request.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// How GPUs and MIG devices are named: 0 and 0:1; GPU-<UUID> and MIG-<UUID>; gpu0 and mig0:1.
enum class CdiNaming { index, uuid, type_index };

/// The devices of one file.
enum class CdiClass { gpu, management, gds, mofed, gdrcopy, nvswitch, imex_channel };

/// By the order of CdiClass.
inline constexpr std::array<std::string_view, 7> cdi_kinds{
    "nvidia.com/gpu",     "management.nvidia.com/gpu", "nvidia.com/gds",         "nvidia.com/mofed",
    "nvidia.com/gdrcopy", "nvidia.com/nvswitch",       "nvidia.com/imex-channel"};

[[nodiscard]] constexpr std::string_view cdi_kind(CdiClass devices) {
    return cdi_kinds[static_cast<std::size_t>(devices)];
}

/// Whether a device of that class brings the driver with it.
[[nodiscard]] constexpr bool has_driver(CdiClass devices) {
    return devices == CdiClass::gpu || devices == CdiClass::management;
}

struct CdiDevice {
    std::string name = {};
    std::vector<std::string> asked = {}; ///< the devices as a request names them
    std::string index = {};              ///< the same for each name of a device
};

/// Of the class gpu: the GPUs, the MIG devices and `all`, each name once. A UUID that the kernel
/// hides is left out. Of the class imex-channel: the channels and `all`. Of another class: `all`.
[[nodiscard]] std::vector<CdiDevice> cdi_devices(const Inventory& inventory, CdiClass devices,
                                                 const std::vector<CdiNaming>& naming);

/// `request`, a request for the driver, with these devices instead of its own; `all` among them is
/// every device, and `none` no GPU.
[[nodiscard]] Request cdi_request(Request request, CdiClass devices,
                                  const std::vector<std::string>& asked);

} // namespace grapnel
