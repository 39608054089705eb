// SPDX-License-Identifier: Apache-2.0
// The plan as people and scripts read it. Keys may be added, never renamed.
#include "base/format.hpp"
#include "base/text.hpp"
#include "json/text.hpp"
#include "plan/plan.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace grapnel {

namespace {

using Json = nlohmann::ordered_json;

std::string_view kind_name(Mount::Kind kind) {
    constexpr std::array<std::string_view, 8> names{"library", "library32", "binary", "firmware",
                                                    "device",  "ipc",       "config", "proc"};
    return names[static_cast<std::size_t>(kind)];
}

Mount::Kind view_kind(const View& view) {
    return view.inside.text().starts_with("/proc/") ? Mount::Kind::proc : Mount::Kind::config;
}

Json options_json(const MountOptions& options) {
    auto list = Json::array();
    if (options.read_only)
        list.push_back("ro");
    if (options.nosuid)
        list.push_back("nosuid");
    if (options.nodev)
        list.push_back("nodev");
    if (options.noexec)
        list.push_back("noexec");
    return list;
}

Json mounts_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& view : plan.views)
        list.push_back({{"kind", kind_name(view_kind(view))},
                        {"host", "tmpfs"},
                        {"inside", view.inside.text()},
                        {"options", options_json(mount_options(Mount::Kind::proc))}});
    for (const auto& mount : plan.mounts)
        list.push_back({{"kind", kind_name(mount.kind)},
                        {"host", mount.view_file.empty() ? mount.host.text() : "tmpfs"},
                        {"inside", mount.inside.text()},
                        {"options", options_json(mount_options(mount.kind))}});
    return list;
}

Json mig_json(const PlannedGpu& gpu) {
    auto list = Json::array();
    for (const auto& device : gpu.mig_devices)
        list.push_back({{"index", device.index},
                        {"gpu_instance", device.gpu_instance},
                        {"compute_instance", device.compute_instance},
                        {"uuid", device.uuid.empty() ? Json() : Json(device.uuid)}});
    return list;
}

Json gpus_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& gpu : plan.gpus) {
        list.push_back(
            {{"index", gpu.index}, {"minor", gpu.minor}, {"uuid", gpu.uuid}, {"pci", gpu.pci}});
        if (!gpu.mig_devices.empty())
            list.back()["mig"] = mig_json(gpu);
    }
    return list;
}

Json links_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& link : plan.links)
        list.push_back({{"inside", link.inside.text()}, {"target", link.target}});
    return list;
}

Json rules_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& rule : plan.device_rules)
        list.push_back(rule.text());
    return list;
}

Json host_nodes_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& node : plan.host_nodes)
        list.push_back({{"path", node.path.text()},
                        {"major", node.number.major},
                        {"minor", node.number.minor},
                        {"mode", format_text("{:04o}", node.attributes.mode)},
                        {"uid", node.attributes.user},
                        {"gid", node.attributes.group}});
    return list;
}

Json files_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& view : plan.views)
        for (const auto& file : view.files)
            list.push_back({{"inside", (view.inside / file.path).text()}, {"text", file.text}});
    return list;
}

/// Text of the image's: as short as in a message.
Json requirements_json(const Plan& plan) {
    auto list = Json::array();
    for (const auto& requirement : plan.requirements)
        list.push_back(fit_line(requirement));
    return list;
}

std::string_view ldcache_name(LdCache mode) {
    constexpr std::array<std::string_view, 3> names{"auto", "ldconfig", "off"};
    return names[static_cast<std::size_t>(mode)];
}

} // namespace

std::string to_json(const std::optional<Plan>& plan) {
    if (!plan)
        return "{}\n";
    auto driver =
        Json{{"version", plan->driver_version.empty() ? Json() : Json(plan->driver_version)}};
    driver["cuda"] = plan->cuda_version ? Json(*plan->cuda_version) : Json();
    Json json{
        {"driver", driver},
        {"gpus", gpus_json(*plan)},
        {"driver_capabilities", plan->driver_capabilities.names()},
        {"mounts", mounts_json(*plan)},
        {"links", links_json(*plan)},
        {"device_rules", rules_json(*plan)},
        {"change_cgroup", plan->change_cgroup},
        {"files", files_json(*plan)},
        {"ldcache", ldcache_name(plan->ldcache)},
        {"requirements", requirements_json(*plan)},
    };
    if (plan->compat)
        json["compat"] = {{"directory", plan->compat->directory.text()},
                          {"library", plan->compat->library},
                          {"cuda", plan->compat->cuda ? Json(*plan->compat->cuda) : Json()}};
    if (!plan->additional_gids.empty())
        json["additional_gids"] = plan->additional_gids;
    if (!plan->host_nodes.empty())
        json["host_nodes"] = host_nodes_json(*plan);
    // replaces bytes of a driver's file that are not UTF-8, instead of throwing
    return write_json(json, readable_json) + "\n";
}

} // namespace grapnel
