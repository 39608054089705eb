// SPDX-License-Identifier: Apache-2.0
// The rules of plan.hpp, held against a plan.
#include "base/text.hpp"
#include "plan/plan.hpp"

#include <algorithm>
#include <set>

namespace grapnel {

namespace {

Error broken(const std::string& rule, const InsidePath& where) {
    return refused("the plan is wrong: " + rule + " (" + where.text() + ")",
                   "this is a mistake in Grapnel: report it with the output of --dry-run");
}

bool below(const InsidePath& path, std::string_view directory) {
    return path.text().starts_with(std::string(directory) + "/");
}

/// A mount point in a directory of the host would be made on the host.
Status check_directories(const Plan& plan, const std::set<InsidePath>& places) {
    std::set<InsidePath> directories;
    for (const auto& mount : plan.mounts)
        if (mount.directory)
            directories.insert(mount.inside);
    for (const auto& place : places)
        for (auto above = place.parent(); !above.name().empty(); above = above.parent())
            if (directories.contains(above))
                return broken("a place lies in a directory of the host", place);
    return {};
}

Status check_places(const Plan& plan) {
    std::set<InsidePath> places;
    for (const auto& view : plan.views)
        if (!places.insert(view.inside).second)
            return broken("two things share a place", view.inside);
    for (const auto& mount : plan.mounts)
        if (!places.insert(mount.inside).second)
            return broken("two things share a place", mount.inside);
    for (const auto& link : plan.links) {
        if (!places.insert(link.inside).second)
            return broken("two things share a place", link.inside);
        const auto to = destination(link);
        if (!to)
            return broken("a link leaves the root or names itself", link.inside);
        if (below(*to, "/proc") || below(*to, "/sys") || below(link.inside, "/proc")
            || below(link.inside, "/sys"))
            return broken("a link lies in /proc or /sys, or leads there", link.inside);
    }
    return check_directories(plan, places);
}

/// A mount shows something of the host or a file of a view.
Status check_sources(const Plan& plan) {
    std::set<InsidePath> files;
    for (const auto& view : plan.views)
        for (const auto& file : view.files)
            files.insert(view.inside / file.path);
    for (const auto& mount : plan.mounts) {
        const bool of_view = !mount.view_file.empty();
        if (of_view == !mount.host.empty() || (of_view && !files.contains(mount.view_file)))
            return broken("a mount has no source", mount.inside);
    }
    return {};
}

/// MIG's nodes come and go with the instances: a container that manages them may use future ones.
bool is_mig_node(const Mount& mount) {
    return mount.device && below(mount.inside, "/dev/nvidia-caps");
}

bool may_lie_in_proc(const Mount& mount) {
    const auto capabilities = inside_path("/proc/driver/nvidia/capabilities");
    return mount.kind == Mount::Kind::proc
           && (below(mount.inside, "/proc/driver/nvidia/gpus")
               || below(mount.inside, capabilities.text()) || mount.inside == capabilities);
}

Status check_mount(const Mount& mount) {
    const bool is_device = mount.kind == Mount::Kind::device;
    if (is_device != mount.device.has_value() || is_device != below(mount.inside, "/dev"))
        return broken("a device node lies in /dev and has a number, nothing else does",
                      mount.inside);
    if (!mount.grants.empty() && !is_mig_node(mount))
        return broken("a mount brings devices that are not its own", mount.inside);
    const auto options = mount_options(mount.kind);
    if (!options.nosuid || options.nodev == is_device)
        return broken("a mount is not safe", mount.inside);
    if (!options.read_only && mount.kind != Mount::Kind::ipc)
        return broken("a mount can be written to", mount.inside);
    if (below(mount.inside, "/proc") && !may_lie_in_proc(mount))
        return broken("a mount lies in /proc", mount.inside);
    if (below(mount.inside, "/sys"))
        return broken("a mount lies in /sys", mount.inside);
    return {};
}

Status check_host_nodes(const Plan& plan) {
    for (const auto& node : plan.host_nodes)
        if (std::ranges::none_of(plan.mounts, [&](const auto& mount) {
                return mount.host == node.path && mount.device == node.number;
            }))
            return broken("a node is made on the host that is not given", inside_path("/dev"));
    return {};
}

Status check_rules(const Plan& plan) {
    std::set<DeviceRule> planned(plan.device_rules.begin(), plan.device_rules.end());
    std::set<DeviceRule> needed;
    for (const auto& mount : plan.mounts) {
        if (mount.device)
            needed.insert({.major = mount.device->major, .minor = mount.device->minor});
        for (const auto& number : mount.grants)
            needed.insert({.major = number.major, .minor = number.minor});
    }
    if (planned != needed)
        return broken("device nodes and device rules differ", inside_path("/dev"));
    return {};
}

} // namespace

std::optional<InsidePath> destination(const Link& link) {
    const auto place = link_destination(link.inside.text(), link.target);
    auto path = place ? InsidePath::make(*place) : Result<InsidePath>(InsidePath());
    return place && path ? std::optional(std::move(*path)) : std::nullopt;
}

Status check(const Plan& plan) {
    GRAPNEL_TRY(check_places(plan));
    for (const auto& mount : plan.mounts)
        GRAPNEL_TRY(check_mount(mount));
    GRAPNEL_TRY(check_sources(plan));
    GRAPNEL_TRY(check_host_nodes(plan));
    return check_rules(plan);
}

} // namespace grapnel
