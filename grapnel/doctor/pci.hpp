// SPDX-License-Identifier: Apache-2.0
// NVIDIA's GPUs as the PCI bus shows them, whatever driver holds them.
#pragma once

#include "sys/host_fs.hpp"

#include <string>
#include <vector>

namespace grapnel::doctor_command {

struct PciGpu {
    std::string address = {};
    std::string driver = {}; ///< empty: none is bound
    bool is_gone = false;    ///< its configuration space reads as ones: it left the bus
};

[[nodiscard]] std::vector<PciGpu> pci_gpus(const sys::HostFs& host);

} // namespace grapnel::doctor_command
