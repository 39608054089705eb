// SPDX-License-Identifier: Apache-2.0
// Management nodes: no container needs them but one that manages the driver.
#include "driver/management_nodes.hpp"

#include "driver/nodes.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace grapnel::driver {

namespace {

constexpr std::string_view prefix = "nvidia";

/// Asked for by other names, or part of a fabric's management alone.
constexpr std::array<std::string_view, 3> of_others{"nvidia-fs", "nvidia-nvswitch",
                                                    "nvidia-nvlink"};

bool is_for_others(std::string_view name) {
    return std::ranges::any_of(of_others, [&](auto one) { return name.starts_with(one); });
}

/// A number outlives its module: it can be any driver's now.
bool is_of_driver(const Majors& majors, const DeviceNumber& number) {
    return std::ranges::any_of(majors, [&](const auto& entry) {
        return entry.second == number.major && entry.first.starts_with(prefix)
               && !is_for_others(entry.first);
    });
}

} // namespace

std::vector<Node> other_nodes(const sys::HostFs& host, const Majors& majors,
                              const Inventory& inventory, Notices& notices) {
    std::set<HostPath> have;
    for (const auto& gpu : inventory.gpus)
        have.insert(gpu.node.path);
    for (const auto& node : inventory.control_nodes)
        have.insert(node.path);
    std::vector<Node> out;
    const auto names = host.list(host_path("/dev"));
    for (const auto& name : names ? *names : std::vector<std::string>()) {
        const auto path = host_path("/dev") / name;
        if (!name.starts_with(prefix) || is_for_others(name) || have.contains(path))
            continue;
        auto one = node(host, path, std::nullopt);
        if (!one.found)
            continue; // a directory
        if (is_of_driver(majors, *one.found)) {
            one.expected = one.found;
            out.push_back(std::move(one));
        } else {
            notices.warn(path.text() + " is not given: it is no device of the nvidia driver");
        }
    }
    return out;
}

} // namespace grapnel::driver
