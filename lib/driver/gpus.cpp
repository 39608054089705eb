// SPDX-License-Identifier: Apache-2.0
#include "driver/gpus.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <tuple>

namespace grapnel::driver {

namespace {

constexpr std::string_view excluded = "the driver excludes it";

/// domain:bus:device.function as numbers, for sorting; the domain can be longer than four digits.
std::optional<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>>
pci_order(std::string_view address) {
    const auto parts = split(address, ':');
    if (parts.size() != 3)
        return std::nullopt;
    const auto slot = split(parts[2], '.');
    if (slot.size() != 2)
        return std::nullopt;
    const auto domain = parse_number<std::uint32_t>(parts[0], 16);
    const auto bus = parse_number<std::uint32_t>(parts[1], 16);
    const auto device = parse_number<std::uint32_t>(slot[0], 16);
    const auto function = parse_number<std::uint32_t>(slot[1], 16);
    if (!domain || !bus || !device || !function)
        return std::nullopt;
    return std::tuple(*domain, *bus, *device, *function);
}

/// The GPU as the driver describes it; its node is left to node().
Gpu ask(const sys::HostFs& host, const std::string& pci) {
    Gpu out{.pci = pci};
    const auto text = host.read(host_path("/proc/driver/nvidia/gpus") / pci / "information");
    if (!text) {
        out.fault = text.error().text();
        return out;
    }
    const auto found = fields(*text);
    const auto field = [&](std::string_view key) {
        const auto one = found.find(key);
        return one == found.end() ? std::string() : std::string(one->second);
    };
    out.model = field("Model");
    out.uuid = field("GPU UUID");
    out.minor = parse_number<std::uint32_t>(field("Device Minor"));
    if (field("GPU Excluded") == "Yes")
        out.fault = excluded;
    else if (!out.minor)
        out.fault = "the driver names no device minor for it";
    return out;
}

std::optional<std::uint64_t> binding(const sys::HostFs& host, const std::string& pci) {
    const auto link = host.stat_link(host_path("/sys/bus/pci/drivers/nvidia") / pci);
    if (!link)
        return std::nullopt;
    return link->inode;
}

/// The driver writes question marks for a UUID that it does not know yet.
bool is_worth_keeping(const Gpu& gpu) {
    return gpu.fault.empty() && !gpu.uuid.empty() && gpu.uuid.find('?') == std::string::npos;
}

/// From the GPU info cache, else from the driver; `kept` receives the next content of the cache.
Gpu gpu(const sys::HostFs& host, const std::string& pci, const std::vector<KnownGpu>& known,
        std::vector<KnownGpu>& kept) {
    const auto bound = binding(host, pci);
    const auto earlier = std::ranges::find_if(
        known, [&](const auto& one) { return one.pci == pci && one.binding == bound; });
    if (earlier != known.end()) {
        kept.push_back(*earlier);
        return {
            .uuid = earlier->uuid, .pci = pci, .model = earlier->model, .minor = earlier->minor};
    }
    auto asked = ask(host, pci);
    if (bound && is_worth_keeping(asked))
        kept.push_back({.pci = pci,
                        .binding = *bound,
                        .minor = *asked.minor,
                        .uuid = asked.uuid,
                        .model = asked.model});
    return asked;
}

} // namespace

Result<Gpus> gpus(const sys::HostFs& host, const Majors& majors, const std::vector<KnownGpu>& known,
                  Notices& notices) {
    auto addresses = host.list(host_path("/proc/driver/nvidia/gpus"));
    if (!addresses && sys::is_missing(addresses.error()))
        return Gpus();
    if (!addresses)
        return addresses.error();
    std::erase_if(*addresses, [](const auto& name) { return !pci_order(name); });
    std::ranges::sort(*addresses, {}, pci_order);
    const auto major = nvidia_major(majors);
    Gpus out;
    for (const auto& address : *addresses) {
        auto one = gpu(host, address, known, out.known);
        if (one.fault == excluded)
            continue; // NVML does not count it
        one.index = static_cast<unsigned>(out.gpus.size());
        if (!one.fault.empty())
            notices.warn("GPU " + address + " cannot be given to a container: " + one.fault);
        else
            one.node = node(host, host_path("/dev") / ("nvidia" + std::to_string(*one.minor)),
                            DeviceNumber{major, *one.minor});
        out.gpus.push_back(std::move(one));
    }
    return out;
}

} // namespace grapnel::driver
