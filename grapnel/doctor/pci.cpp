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

} // namespace

std::vector<PciGpu> pci_gpus(const sys::HostFs& host) {
    const auto devices = host_path("/sys/bus/pci/devices");
    std::vector<PciGpu> out;
    for (const auto& address : names_in(host, devices)) {
        const auto device = devices / address;
        if (!is_nvidia_gpu(host, device))
            continue;
        PciGpu gpu{.address = address, .is_gone = reads_as_ones(host, device / "config")};
        if (const auto link = host.read_link(device / "driver"))
            gpu.driver = link->substr(link->rfind('/') + 1);
        out.push_back(std::move(gpu));
    }
    return out;
}

} // namespace grapnel::doctor_command
