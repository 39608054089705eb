// SPDX-License-Identifier: Apache-2.0
// NVIDIA's GPUs on the PCI bus, with the driver that each is bound to.
#pragma once

#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

struct PciGpu {
    std::string address = {};
    std::string driver = {}; ///< empty: bound to no driver
    bool is_gone = false;    ///< its configuration space reads as ones: it left the bus
};

[[nodiscard]] std::vector<PciGpu> pci_gpus(const sys::HostFs& host);

} // namespace grapnel::doctor_command
