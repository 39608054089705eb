// SPDX-License-Identifier: Apache-2.0
#include "doctor/cdi_scan.hpp"

#include "base/cdi_name.hpp"
#include "base/text.hpp"
#include "doctor/json_text.hpp"
#include "plan/cdi_spec.hpp"

#include <algorithm>
#include <utility>

namespace grapnel::doctor_command {

namespace {

using Json = nlohmann::json;

std::optional<std::uint32_t> number_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned())
        return std::nullopt;
    return parse_number<std::uint32_t>(std::to_string(found->get<std::uint64_t>()));
}

const Json& list_at(const Json& object, const char* key) {
    static const auto none = Json::array();
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

void take_path(const std::string& text, std::vector<HostPath>& out) {
    if (auto path = HostPath::make(text))
        out.push_back(std::move(*path));
}

void take_node(const Json& node, CdiScan& out) {
    const auto on_host = text_at(node, "hostPath");
    auto path = HostPath::make(on_host.empty() ? text_at(node, "path") : on_host);
    if (!path)
        return;
    CdiNode taken{.path = std::move(*path)};
    if (const auto major = number_at(node, "major"))
        taken.number = DeviceNumber{*major, number_at(node, "minor").value_or(0)};
    out.nodes.push_back(std::move(taken));
}

void take_hook(const Json& hook, CdiScan& out) {
    if (text_at(hook, "hookName") != "startContainer") // a program of the container
        take_path(text_at(hook, "path"), out.hooks);
    for (const auto& word : list_at(hook, "args"))
        out.is_live = out.is_live
                      || (word.is_string()
                          && word.get_ref<const std::string&>().starts_with(cdi_device_option));
    for (const auto& word : list_at(hook, "env")) {
        const auto variable = word.is_string() ? word.get<std::string>() : std::string();
        if (variable.starts_with(cdi_options_variable))
            out.options = variable.substr(cdi_options_variable.size());
    }
}

/// Of the whole file, and of a device.
void take_edits(const Json& owner, CdiScan& out) {
    const auto found = owner.find("containerEdits");
    if (found == owner.end())
        return;
    for (const auto& node : list_at(*found, "deviceNodes"))
        take_node(node, out);
    for (const auto& hook : list_at(*found, "hooks"))
        take_hook(hook, out);
    for (const auto& mount : list_at(*found, "mounts"))
        take_path(text_at(mount, "hostPath"), out.host_paths);
}

} // namespace

CdiScan scan_cdi_json(const Json& json) {
    CdiScan out{.version = text_at(json, "cdiVersion"), .kind = text_at(json, "kind")};
    take_edits(json, out);
    for (const auto& device : list_at(json, "devices")) {
        if (auto name = text_at(device, "name"); !name.empty())
            out.names.push_back(std::move(name));
        take_edits(device, out);
    }
    return out;
}

std::vector<std::string> stale_paths(const sys::HostFs& host, const CdiScan& scan) {
    std::vector<std::string> out;
    for (const auto& path : scan.host_paths)
        if (!host.stat_link(path))
            out.push_back(path.text() + ", which is not there");
    for (const auto& node : scan.nodes) {
        const auto found = host.stat(node.path);
        if (!found)
            out.push_back(node.path.text() + ", which is not there");
        else if (node.number && DeviceNumber{found->major, found->minor} != *node.number)
            out.push_back(node.path.text() + " as " + std::to_string(node.number->major) + ":"
                          + std::to_string(node.number->minor)
                          + ", and the kernel has another number");
    }
    return out;
}

std::vector<std::string> missing_devices(const Inventory& inventory, const CdiScan& scan) {
    std::vector<std::string> out;
    const bool is_all_alone = scan.names == std::vector<std::string>{"all"};
    if (scan.kind != "nvidia.com/gpu" || is_all_alone)
        return out;
    const auto has_any = [&](std::initializer_list<std::string> names) {
        return std::ranges::find_first_of(scan.names, names) != scan.names.end();
    };
    for (const auto& gpu : inventory.gpus) {
        if (!gpu.fault.empty())
            continue;
        const auto index = std::to_string(gpu.index);
        for (const auto& device : gpu.mig_devices) {
            const auto numbers = index + ":" + std::to_string(device.index);
            if (!has_any({numbers, "mig" + numbers, device.uuid}))
                out.push_back("MIG device " + numbers);
        }
        if (gpu.mig_devices.empty() && !has_any({index, "gpu" + index, gpu.uuid}))
            out.push_back("GPU " + index);
    }
    return out;
}

} // namespace grapnel::doctor_command
