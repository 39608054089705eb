// SPDX-License-Identifier: Apache-2.0
// NVIDIA's GPUs as the PCI bus shows them, whatever driver holds them.
#include "driver/pci.hpp"

#include "base/text.hpp"
#include "driver/modules.hpp"

namespace grapnel::driver {

namespace {

const HostPath& pci_devices() {
    static const auto path = host_path("/sys/bus/pci/devices");
    return path;
}

/// Of vendor NVIDIA and a display class. False for a device that cannot be read.
bool is_nvidia_gpu(const sys::HostFs& host, const std::string& address) {
    const auto vendor = host.read(pci_devices() / address / "vendor");
    if (!vendor || trim(*vendor) != "0x10de")
        return false;
    const auto device_class = host.read(pci_devices() / address / "class");
    return device_class && device_class->starts_with("0x03");
}

std::vector<std::string> nvidia_gpus(const sys::HostFs& host) {
    std::vector<std::string> out;
    const auto addresses = host.list(pci_devices());
    if (!addresses)
        return out;
    for (const auto& address : *addresses)
        if (is_nvidia_gpu(host, address))
            out.push_back(address);
    return out;
}

} // namespace

bool has_nvidia_gpu(const sys::HostFs& host) {
    return !nvidia_gpus(host).empty();
}

std::vector<std::string> gpus_of_others(const sys::HostFs& host) {
    std::vector<std::string> out;
    for (const auto& address : nvidia_gpus(host)) {
        const auto link = host.read_link(pci_devices() / address / "driver");
        const auto driver = link ? link->substr(link->rfind('/') + 1) : std::string("no driver");
        out.push_back(address + " (" + driver + ")");
    }
    return out;
}

} // namespace grapnel::driver
