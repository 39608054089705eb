// SPDX-License-Identifier: Apache-2.0
// Device nodes and their device rules.
#include "plan/devices.hpp"

namespace grapnel::plan {

namespace {

using Kind = Mount::Kind;

std::string number_text(const DeviceNumber& number) {
    return std::to_string(number.major) + ":" + std::to_string(number.minor);
}

Error missing(const Node& node) {
    if (!node.expected)
        return refused(node.path.text() + (node.found ? " is there, but" : " is missing, and")
                           + " no kernel module offers it",
                       !node.cure.empty()
                           ? node.cure
                           : "run 'nvidia-modprobe -u -c 0', or 'modprobe nvidia-uvm'");
    if (!node.cure.empty())
        return refused(node.path.text()
                           + (node.other_file ? " is not a device node" : " is missing"),
                       (node.other_file ? "remove it and " : "") + node.cure);
    if (node.other_file)
        return refused(node.path.text() + " is not a device node",
                       "remove it and run 'nvidia-modprobe -u -c 0'");
    const auto number =
        std::to_string(node.expected->major) + " " + std::to_string(node.expected->minor);
    return refused(node.path.text() + " is missing",
                   "run 'nvidia-modprobe -u -c " + std::to_string(node.expected->minor % 255)
                       + "', or 'mknod -m 666 " + node.path.text() + " c " + number + "'");
}

/// The node as a mount, or nothing for an optional node that is not there.
Result<std::optional<Mount>> device_mount(const Node& node) {
    if (node.creation && node.expected) {
        auto inside = GRAPNEL_TRY(InsidePath::make(node.path.text()));
        return std::optional(Mount{.kind = Kind::device,
                                   .host = node.path,
                                   .inside = std::move(inside),
                                   .device = node.expected});
    }
    // a node without its module is one of another boot: its number can be any driver's now
    const bool usable = node.found && node.expected;
    if (!usable && node.optional)
        return std::optional<Mount>();
    if (!usable)
        return missing(node);
    if (*node.found != *node.expected)
        return refused(node.path.text() + " is device " + number_text(*node.found)
                           + ", but the driver's is " + number_text(*node.expected),
                       "remove it and "
                           + (node.cure.empty() ? "run 'nvidia-modprobe -u -c 0'" : node.cure));
    auto inside = GRAPNEL_TRY(InsidePath::make(node.path.text()));
    return std::optional(Mount{.kind = Kind::device,
                               .host = node.path,
                               .inside = std::move(inside),
                               .device = node.found});
}

} // namespace

Status add_device(Plan& plan, const Node& node) {
    auto mount = GRAPNEL_TRY(device_mount(node));
    if (!mount)
        return {};
    if (node.creation)
        plan.host_nodes.push_back({.path = node.path,
                                   .number = *mount->device,
                                   .attributes = *node.creation,
                                   .optional = node.optional});
    if (const auto group = group_with_rights(node.creation ? *node.creation : node.attributes))
        plan.additional_gids.push_back(*group);
    plan.device_rules.push_back({.major = mount->device->major, .minor = mount->device->minor});
    plan.mounts.push_back(std::move(*mount));
    return {};
}

} // namespace grapnel::plan
