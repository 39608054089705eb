// SPDX-License-Identifier: Apache-2.0
// GPUs and device nodes, as the kernel shows them.
#include "base/text.hpp"
#include "driver/parts.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace grapnel::driver {

namespace {

constexpr std::string_view excluded = "the driver excludes it";
constexpr std::uint32_t default_major = 195; // assigned: Documentation/admin-guide/devices.txt

std::uint32_t nvidia_major(const Majors& majors) {
    for (const auto* const name : {"nvidia", "nvidia-frontend", "nvidiactl"})
        if (const auto found = majors.find(name); found != majors.end())
            return found->second;
    return default_major;
}

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

/// A UUID with question marks is one that the driver does not know yet.
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

NodeAttributes attributes_of(const sys::FileFacts& facts) {
    constexpr std::uint32_t permission_bits = 0777;
    return {
        .mode = facts.mode & permission_bits, .user = facts.owner.user, .group = facts.owner.group};
}

Node node(const sys::HostFs& host, const HostPath& path, std::optional<DeviceNumber> expected) {
    Node out{.path = path, .expected = expected};
    const auto facts = host.stat(path);
    if (facts && facts->type == sys::FileFacts::Type::character_device) {
        out.found = DeviceNumber{facts->major, facts->minor};
        out.attributes = attributes_of(*facts);
    } else {
        out.other_file = facts.has_value();
    }
    return out;
}

std::vector<std::uint32_t> numbered(const sys::HostFs& host, const HostPath& directory,
                                    std::string_view prefix) {
    std::vector<std::uint32_t> out;
    const auto names = host.list(directory);
    if (!names)
        return out;
    for (const auto& name : *names) {
        if (!name.starts_with(prefix))
            continue;
        const auto digits = std::string_view(name).substr(prefix.size());
        const auto number = parse_number<std::uint32_t>(digits);
        if (number && std::to_string(*number) == digits)
            out.push_back(*number);
    }
    std::ranges::sort(out);
    return out;
}

std::map<std::string_view, std::string_view> fields(std::string_view text) {
    std::map<std::string_view, std::string_view> out;
    for (const auto line : split(text, '\n'))
        if (const auto colon = line.find(':'); colon != std::string_view::npos)
            out.emplace(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    return out;
}

Majors character_majors(const sys::HostFs& host) {
    Majors majors;
    const auto text = host.read(host_path("/proc/devices"));
    if (!text)
        return majors;
    bool character = false;
    for (const auto line : split(*text, '\n')) {
        if (line.ends_with(':')) {
            character = line.starts_with("Character");
            continue;
        }
        const auto entry = trim(line);
        const auto blank = entry.find(' ');
        const auto major = parse_number<std::uint32_t>(entry.substr(0, blank));
        if (character && major && blank != std::string_view::npos)
            majors.emplace(trim(entry.substr(blank)), *major);
    }
    return majors;
}

std::optional<std::uint32_t> misc_minor(const sys::HostFs& host, std::string_view name) {
    const auto text = host.read(host_path("/proc/misc"));
    if (!text)
        return std::nullopt;
    for (const auto line : split(*text, '\n')) {
        const auto entry = trim(line);
        const auto blank = entry.find(' ');
        if (blank != std::string_view::npos && trim(entry.substr(blank)) == name)
            return parse_number<std::uint32_t>(entry.substr(0, blank));
    }
    return std::nullopt;
}

Result<Gpus> gpus(const sys::HostFs& host, const Majors& majors, const std::vector<KnownGpu>& known,
                  std::vector<std::string>& remarks) {
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
            remarks.push_back("GPU " + address + " cannot be given to a container: " + one.fault);
        else
            one.node = node(host, host_path("/dev") / ("nvidia" + std::to_string(*one.minor)),
                            DeviceNumber{major, *one.minor});
        out.gpus.push_back(std::move(one));
    }
    return out;
}

std::vector<Node> control_nodes(const sys::HostFs& host, const Majors& majors,
                                DriverCapabilities wanted) {
    using enum DriverCapability;
    const auto of = [&](const char* module, std::uint32_t minor) -> std::optional<DeviceNumber> {
        const auto found = majors.find(module);
        if (found == majors.end())
            return std::nullopt;
        return DeviceNumber{found->second, minor};
    };
    struct Known {
        std::string_view path;
        std::optional<DeviceNumber> number;
        DriverCapabilities needed_by;
        bool optional;
    };
    const auto major = nvidia_major(majors);
    const std::array<Known, 4> known{{
        {"/dev/nvidiactl", DeviceNumber{major, 255}, {}, false},
        {"/dev/nvidia-uvm", of("nvidia-uvm", 0), {compute, video}, false},
        {"/dev/nvidia-uvm-tools", of("nvidia-uvm", 1), {compute, video}, true},
        {"/dev/nvidia-modeset", DeviceNumber{major, 254}, {display, graphics}, true},
    }};
    std::vector<Node> out;
    for (const auto& entry : known) {
        if (!entry.needed_by.empty() && (entry.needed_by & wanted).empty())
            continue;
        auto one = node(host, host_path(entry.path), entry.number);
        one.needed_by = entry.needed_by;
        one.optional = entry.optional;
        out.push_back(std::move(one));
    }
    return out;
}

} // namespace grapnel::driver
