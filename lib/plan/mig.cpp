// SPDX-License-Identifier: Apache-2.0
// MIG devices, and the rights to make and to watch them.
#include "plan/mig.hpp"

#include "plan/devices.hpp"

#include <algorithm>
#include <set>

namespace grapnel::plan {

namespace {

using Kind = Mount::Kind;

constexpr std::string_view capabilities = "capabilities";

bool manages(const Request& request) {
    return request.mig_config || request.mig_monitor || request.management;
}

/// The nodes of two compute instances of one GPU instance have one in common.
Status add_devices(Plan& plan, PlannedGpu& planned, const Gpu& gpu, bool with_nodes) {
    std::set<HostPath> added;
    for (const auto& device : gpu.mig_devices) {
        planned.mig_devices.push_back({.index = device.index,
                                       .gpu_instance = device.gpu_instance,
                                       .compute_instance = device.compute_instance,
                                       .uuid = device.uuid});
        for (const auto& node : device.nodes)
            if (with_nodes && added.insert(node.path).second)
                GRAPNEL_TRY(add_device(plan, node));
    }
    return {};
}

Status add_right(Plan& plan, const std::optional<Node>& node, std::string_view variable) {
    if (!node)
        return refused(std::string(variable)
                           + ": this driver names no device for it in "
                             "/proc/driver/nvidia-caps/mig-minors",
                       "leave the variable out");
    return add_device(plan, *node);
}

/// The nodes of all instances that the chosen GPUs can have: existing nodes, and device rules for
/// future ones. The driver's library makes the nodes in the container's /dev when it makes an
/// instance. The host's directory of them is not mounted: a container would make, change and remove
/// nodes on the host.
Status add_instances(Plan& plan, const MigManagement& offered, bool all_nodes) {
    std::set<DeviceNumber> wanted;
    for (const auto& gpu : plan.gpus)
        if (const auto found = offered.gpus.find(gpu.minor); found != offered.gpus.end())
            wanted.insert(found->second.begin(), found->second.end());
    const auto right = plan.mounts.size() - 1; // config or monitor: it stands for all of them
    const auto is_given = [&](const Node& node) {
        return std::ranges::find(plan.mounts, node.path, &Mount::host) != plan.mounts.end();
    };
    for (const auto& node : offered.nodes)
        if (wanted.erase(*node.found) != 0 || (all_nodes && !is_given(node)))
            GRAPNEL_TRY(add_device(plan, node));
    for (const auto& number : wanted)
        plan.device_rules.push_back({.major = number.major, .minor = number.minor});
    plan.mounts[right].grants = {wanted.begin(), wanted.end()};
    return {};
}

/// Whatever the driver has of these: one without MIG can be managed as well.
Status add_everything(Plan& plan, const MigManagement& offered) {
    const auto before = plan.mounts.size();
    for (const auto* const node : {&offered.monitor, &offered.config})
        if (*node && ((*node)->found || (*node)->creation))
            GRAPNEL_TRY(add_device(plan, **node));
    if (plan.mounts.size() != before)
        return add_instances(plan, offered, true);
    for (const auto& node : offered.nodes)
        GRAPNEL_TRY(add_device(plan, node));
    return {};
}

Status add_management(Plan& plan, const Request& request, const MigManagement& offered) {
    if (request.management)
        return add_everything(plan, offered);
    if (!offered.has_proc_files)
        return refused("MIG devices cannot be managed: /proc/driver/nvidia/capabilities/mig is "
                       "missing",
                       "this driver has no MIG: leave NVIDIA_MIG_CONFIG_DEVICES and "
                       "NVIDIA_MIG_MONITOR_DEVICES out");
    if (!offered.has_nodes)
        return {};
    if (request.mig_config)
        GRAPNEL_TRY(add_right(plan, offered.config, "NVIDIA_MIG_CONFIG_DEVICES"));
    if (request.mig_monitor)
        GRAPNEL_TRY(add_right(plan, offered.monitor, "NVIDIA_MIG_MONITOR_DEVICES"));
    return add_instances(plan, offered, false);
}

void add_proc_file(Plan& plan, View& view, const std::string& path) {
    const auto is_there = [&](const auto& file) { return file.path == path; };
    if (std::ranges::any_of(view.files, is_there))
        return;
    view.files.push_back({.path = path});
    plan.mounts.push_back({.kind = Kind::proc,
                           .host = host_path("/proc/driver/nvidia/" + path),
                           .inside = inside_path("/proc/driver/nvidia/" + path)});
}

} // namespace

Status add_mig(Plan& plan, const Request& request, const Inventory& inventory,
               const std::vector<Gpu>& selected) {
    for (std::size_t i = 0; i < selected.size(); ++i)
        GRAPNEL_TRY(add_devices(plan, plan.gpus[i], selected[i], !manages(request)));
    if (!manages(request))
        return {};
    const bool named =
        request.devices == Request::Devices::listed
        && std::ranges::any_of(plan.gpus, [](const auto& gpu) { return !gpu.mig_devices.empty(); });
    const auto subject =
        request.mig_config ? Error::Subject::mig_config : Error::Subject::mig_monitor;
    if (named)
        return Status(refused("MIG devices are asked for by name, and the right to manage MIG "
                              "devices too",
                              "ask for GPUs, or for all, with NVIDIA_MIG_CONFIG_DEVICES and "
                              "NVIDIA_MIG_MONITOR_DEVICES"))
            .about(subject);
    return add_management(plan, request, inventory.mig_management).about(subject);
}

void add_mig_to_view(Plan& plan, View& view, const Request& request) {
    if (manages(request)) {
        view.directories.emplace_back(capabilities);
        plan.mounts.push_back({.kind = Kind::proc,
                               .host = host_path("/proc/driver/nvidia") / capabilities,
                               .inside = view.inside / capabilities,
                               .directory = true});
        return;
    }
    for (const auto& gpu : plan.gpus)
        for (const auto& device : gpu.mig_devices) {
            const auto part = std::string(capabilities) + "/gpu" + std::to_string(gpu.minor)
                              + "/mig/gi" + std::to_string(device.gpu_instance);
            add_proc_file(plan, view, part + "/access");
            add_proc_file(plan, view,
                          part + "/ci" + std::to_string(device.compute_instance) + "/access");
        }
}

} // namespace grapnel::plan
