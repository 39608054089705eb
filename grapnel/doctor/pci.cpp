// SPDX-License-Identifier: Apache-2.0
#include "doctor/pci.hpp"

#include "doctor/facts.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

bool is_nvidia_gpu(const sys::HostFs& host, const HostPath& device) {
    return text_of(host, device / "vendor") == "0x10de"
           && text_of(host, device / "class").starts_with("0x03");
}

/// PCI reads ones where no device answers.
bool reads_as_ones(const sys::HostFs& host, const HostPath& config) {
    constexpr std::size_t identity = 4; // vendor and device
    const auto bytes = host.read(config);
    return bytes && bytes->size() >= identity
           && std::ranges::all_of(bytes->substr(0, identity), [](char c) { return c == '\xff'; });
}

/// The driver that the device is bound to; empty without one.
std::string driver_of(const sys::HostFs& host, const HostPath& device) {
    const auto link = host.read_link(device / "driver");
    return link ? link->substr(link->rfind('/') + 1) : std::string();
}

} // namespace

std::vector<PciGpu> pci_gpus(const sys::HostFs& host) {
    const auto devices = host_path("/sys/bus/pci/devices");
    std::vector<PciGpu> out;
    for (const auto& address : names_in(host, devices)) {
        const auto device = devices / address;
        if (!is_nvidia_gpu(host, device))
            continue;
        out.push_back({.address = address,
                       .driver = driver_of(host, device),
                       .is_gone = reads_as_ones(host, device / "config")});
    }
    return out;
}

std::string vfio_device_beside(const sys::HostFs& host, const std::string& address) {
    const auto devices = host_path("/sys/bus/pci/devices");
    for (const auto& name : names_in(host, devices / address / "iommu_group" / "devices"))
        if (name != address && driver_of(host, devices / name) == "vfio-pci")
            return name;
    return {};
}

} // namespace grapnel::doctor_command
