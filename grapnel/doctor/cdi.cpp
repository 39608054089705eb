// SPDX-License-Identifier: Apache-2.0
// Compares CDI files with the host that they describe.
#include "doctor/cdi_scan.hpp"

#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <map>

namespace grapnel::doctor_command {

namespace {

std::string generate_command(const HostPath& file) {
    if (file.name().ends_with(".json"))
        return "grapnel cdi generate --output " + shell_word(file.text());
    return "rm " + shell_word(file.text())
           + " && grapnel cdi generate --output /etc/cdi/grapnel.json";
}

/// Paths of the host that the file names and that are not there, or nodes with another number.
std::string stale_reason(const Facts& facts, const CdiScan& scan) {
    for (const auto& path : scan.host_paths)
        if (!facts.host.stat_link(path))
            return path.text() + ", which is not there";
    for (const auto& node : scan.nodes) {
        const auto found = facts.host.stat(node.path);
        if (!found)
            return node.path.text() + ", which is not there";
        if (node.number && DeviceNumber{found->major, found->minor} != *node.number)
            return node.path.text() + " as " + std::to_string(node.number->major) + ":"
                   + std::to_string(node.number->minor) + ", and the kernel has another number";
    }
    return {};
}

/// Names that a GPU can have in a file.
bool has_gpu(const CdiScan& scan, const Gpu& gpu) {
    const auto index = std::to_string(gpu.index);
    return std::ranges::any_of(scan.names, [&](const std::string& name) {
        return name == index || name == "gpu" + index || name == gpu.uuid;
    });
}

/// A file for all has its GPUs one by one as well.
std::string missing_gpu(const Facts& facts, const CdiScan& scan) {
    const bool is_all_alone = scan.names == std::vector<std::string>{"all"};
    if (!is_plain_nvidia(facts) || scan.kind != "nvidia.com/gpu" || is_all_alone)
        return {};
    for (const auto& gpu : facts.inventory->gpus) {
        if (!gpu.fault.empty())
            continue;
        for (const auto& device : gpu.mig_devices) {
            const auto numbers = std::to_string(gpu.index) + ":" + std::to_string(device.index);
            if (std::ranges::none_of(scan.names, [&](const std::string& name) {
                    return name == numbers || name == "mig" + numbers || name == device.uuid;
                }))
                return "MIG device " + numbers;
        }
        if (gpu.mig_devices.empty() && !has_gpu(scan, gpu))
            return "GPU " + std::to_string(gpu.index);
    }
    return {};
}

void check_file(const Facts& facts, const HostPath& file, const CdiScan& scan,
                std::vector<Finding>& findings) {
    for (const auto& hook : scan.hooks)
        if (!exists(facts.host, hook)) {
            findings.push_back({.code = Code::GR1103,
                                .text = file.text() + ": its hook is missing: " + hook.text(),
                                .command = generate_command(file)});
            return;
        }
    if (const auto reason = stale_reason(facts, scan); !reason.empty())
        findings.push_back({.code = Code::GR1102,
                            .text = file.text() + " is stale: it names " + reason,
                            .command = generate_command(file)});
    else if (const auto missing = missing_gpu(facts, scan); !missing.empty())
        findings.push_back({.code = Code::GR1105,
                            .text = file.text() + " is stale: it lacks " + missing,
                            .command = generate_command(file)});
}

/// In one directory no file goes before another: engines then know neither device.
void check_conflicts(const std::map<HostPath, CdiScan>& scans, std::vector<Finding>& findings) {
    for (auto one = scans.begin(); one != scans.end(); ++one)
        for (auto other = std::next(one); other != scans.end(); ++other) {
            if (one->first.parent() != other->first.parent()
                || one->second.kind != other->second.kind)
                continue;
            const auto& names = other->second.names;
            const auto same = std::ranges::find_if(one->second.names, [&](const auto& name) {
                return std::ranges::find(names, name) != names.end();
            });
            if (same != one->second.names.end())
                findings.push_back({.code = Code::GR1104,
                                    .text = one->first.text() + " and " + other->first.text()
                                            + " both have the device " + one->second.kind + "="
                                            + *same + ", so engines know neither",
                                    .command = "rm " + shell_word(other->first.text())});
        }
}

} // namespace

Area cdi_area(const Facts& facts) {
    Area area{.name = "CDI"};
    std::map<HostPath, CdiScan> scans;
    for (const auto& file : cdi_files(facts.host)) {
        const auto text = text_of(facts.host, file);
        const bool is_json = file.name().ends_with(".json");
        const auto json = is_json ? nlohmann::json::parse(text, nullptr, false) : nlohmann::json();
        auto scan = is_json ? scan_cdi_json(json) : scan_cdi_yaml(text);
        if (json.is_discarded() && text.find("nvidia") != std::string::npos)
            area.findings.push_back({.code = Code::GR1101,
                                     .text = file.text() + " is no JSON",
                                     .command = generate_command(file)});
        else if (scan.kind.starts_with("nvidia.com/")
                 || scan.kind.starts_with("management.nvidia.com/"))
            scans.emplace(file, std::move(scan));
    }
    for (const auto& [file, scan] : scans)
        check_file(facts, file, scan, area.findings);
    check_conflicts(scans, area.findings);
    area.is_used = !scans.empty() || !area.findings.empty();
    area.summary = scans.empty() ? "not used" : scans.begin()->first.text();
    return area;
}

} // namespace grapnel::doctor_command
