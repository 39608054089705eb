// SPDX-License-Identifier: Apache-2.0
#include "driver/nodes.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel::driver {

namespace {

constexpr std::uint32_t default_major = 195; // assigned: Documentation/admin-guide/devices.txt

} // namespace

std::uint32_t nvidia_major(const Majors& majors) {
    for (const auto* const name : {"nvidia", "nvidia-frontend", "nvidiactl"})
        if (const auto found = majors.find(name); found != majors.end())
            return found->second;
    return default_major;
}

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
