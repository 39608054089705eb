// SPDX-License-Identifier: Apache-2.0
// Nodes that are missing and may be made, as the driver's own nvidia-modprobe makes them.
#include "driver/missing_nodes.hpp"

#include "base/text.hpp"
#include "driver/auxiliary_devices.hpp"
#include "driver/nodes.hpp"

#include <algorithm>

namespace grapnel::driver {

namespace {

constexpr std::uint32_t permission_bits = 0777;

bool is_missing(const Node& node) {
    return !node.path.empty() && node.expected && !node.found && !node.other_file;
}

std::vector<Node*> missing_nodes(const sys::HostFs& host, Inventory& inventory,
                                 bool with_imex_channels) {
    std::vector<Node*> out;
    const auto take = [&](Node& node) {
        if (is_missing(node))
            out.push_back(&node);
    };
    for (auto& gpu : inventory.gpus) {
        take(gpu.node);
        for (auto& device : gpu.mig_devices)
            std::ranges::for_each(device.nodes, take);
    }
    std::ranges::for_each(inventory.control_nodes, take);
    for (auto* const node : {&inventory.mig_management.config, &inventory.mig_management.monitor})
        if (*node)
            take(**node);
    if (!with_imex_channels || inventory.imex_channels.empty())
        return out;
    // an image may name any number: a node without a channel would be litter on the host
    const auto count = imex_channel_count(host);
    for (auto& node : inventory.imex_channels)
        if (node.expected && node.expected->minor < count)
            take(node);
    return out;
}

/// The node of nvidia-modeset has an assigned number, which says nothing about the module.
bool has_its_module(const sys::HostFs& host, const Majors& majors, const Node& node) {
    return node.path.name() != "nvidia-modeset" || majors.contains("nvidia-modeset")
           || host.stat(host_path("/sys/module/nvidia_modeset")).has_value();
}

} // namespace

std::optional<NodeAttributes> node_attributes(const sys::HostFs& host, const HostPath& file) {
    const auto text = host.read(file);
    if (!text)
        return std::nullopt;
    NodeAttributes out;
    bool modify = false;
    for (const auto line : split(*text, '\n')) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            continue;
        const auto name = trim(line.substr(0, colon));
        const auto value = parse_number<std::uint32_t>(trim(line.substr(colon + 1)));
        if (name == "ModifyDeviceFiles" || name == "DeviceFileModify")
            modify = value == 1U;
        else if (name == "DeviceFileMode" && value && *value <= permission_bits)
            out.mode = *value;
        else if (name == "DeviceFileUID" && value)
            out.user = *value;
        else if (name == "DeviceFileGID" && value)
            out.group = *value;
    }
    return modify ? std::optional(out) : std::nullopt;
}

void mark_missing_nodes(const sys::HostFs& host, const Majors& majors, const InventoryScope& scope,
                        Inventory& inventory) {
    auto missing = missing_nodes(host, inventory, scope.may_make_imex_channels);
    std::erase_if(missing, [&](const auto* node) { return !has_its_module(host, majors, *node); });
    if (missing.empty() || !scope.may_make_nodes || !scope.may_make_nodes())
        return;
    const auto module = node_attributes(host, host_path("/proc/driver/nvidia/params"));
    for (auto* const node : missing)
        if (!node->described_by.empty())
            node->creation = node_attributes(host, node->described_by);
        else if (module) // nvidia-uvm has no parameters for its nodes
            node->creation =
                node->path.name().starts_with("nvidia-uvm") ? NodeAttributes{} : module;
}

} // namespace grapnel::driver
