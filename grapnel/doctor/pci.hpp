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

/// A device of the GPU's IOMMU group that is bound to vfio-pci; empty without one. A group belongs
/// to one virtual machine as a whole, or to the host.
[[nodiscard]] std::string vfio_device_beside(const sys::HostFs& host, const std::string& address);

} // namespace grapnel::doctor_command
