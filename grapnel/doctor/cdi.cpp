// SPDX-License-Identifier: Apache-2.0
// Compares CDI files with the host that they describe.
#include "doctor/cdi_scan.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "cdi/form.hpp"
#include "doctor/areas.hpp"
#include "doctor/cdi_support.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"
#include "yaml/parse.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace grapnel::doctor_command {

namespace {

std::string generate_command(const HostPath& file) {
    if (file.name().ends_with(".json"))
        return "grapnel cdi generate --output " + shell_word(file.text());
    return "rm " + shell_word(file.text())
           + " && grapnel cdi generate --output /etc/cdi/grapnel.json";
}

/// With the package of a missing hook the file serves as it did; else it is made again.
std::string mend_hook(const Facts& facts, std::string_view fault, const HostPath& hook,
                      const HostPath& file) {
    const auto install = fault == "is missing"
                             ? install_hook_command(facts.host, facts.here.programs, hook)
                             : std::string();
    return mend_program(fault, hook, install.empty() ? generate_command(file) : install);
}

/// A file for all has its GPUs one by one as well.
std::string missing_gpu(const Facts& facts, const CdiScan& scan) {
    if (!is_plain_nvidia(facts))
        return {};
    const auto missing = missing_devices(*facts.inventory, scan);
    return missing.empty() ? std::string() : missing.front();
}

void check_file(const Facts& facts, const HostPath& file, const CdiScan& scan,
                std::vector<Finding>& findings) {
    for (const auto& hook : scan.hooks)
        if (const auto fault = fault_of_program(facts.host, hook); !fault.empty()) {
            findings.push_back(
                {.code = Code::GR1103,
                 .text = file.text() + ": its hook " + std::string(fault) + ": " + hook.text(),
                 .command = mend_hook(facts, fault, hook, file)});
            return;
        }
    if (const auto reasons = stale_paths(facts.host, scan); !reasons.empty())
        findings.push_back({.code = Code::GR1102,
                            .text = file.text() + " is stale: it names " + reasons.front(),
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
            // a live file is never stale
            const auto& to_remove = other->second.is_live ? one->first : other->first;
            if (same != one->second.names.end())
                findings.push_back({.code = Code::GR1104,
                                    .text = one->first.text() + " and " + other->first.text()
                                            + " both have the device " + one->second.kind + "="
                                            + *same + ", so engines know neither",
                                    .command = "rm " + shell_word(to_remove.text())});
        }
}

/// The first thing for which engines refuse the file; empty for a file that they take.
std::string mistake_in(const nlohmann::json& spec) {
    const auto mistakes = cdi_command::form_mistakes(spec);
    if (mistakes.empty())
        return {};
    const auto& first = mistakes.front();
    return first.place.empty() ? first.text : first.place + ": " + first.text;
}

/// Engines refuse a file of a version that they do not know, and podman before 5.1 a file with a
/// key that is newer than it. They then know no device of it.
void check_engines(const Facts& facts, const HostPath& file, const CdiScan& scan,
                   std::string_view text, std::vector<Finding>& findings) {
    if (auto reason = engine_too_old_for(facts, scan.version); !reason.empty()) {
        findings.push_back(
            {.code = Code::GR1106,
             .text = file.text() + " is of version " + scan.version + ": " + std::move(reason),
             .command = generate_command(file)});
        return;
    }
    static const Version first{{5, 1}};
    constexpr std::string_view key = "additionalGids"; // of CDI 0.7.0
    if (text.find(key) == std::string_view::npos || !facts.here.ask
        || find_program(facts.host, "podman").empty())
        return;
    const auto version = version_of(facts, "podman");
    if (version && *version < first)
        findings.push_back({.code = Code::GR1106,
                            .text = file.text() + ": podman " + version_text(*version)
                                    + " does not know the key " + std::string(key)
                                    + ", and refuses the file",
                            .command = generate_command(file)});
}

/// Whether users other than the owner may not read it. Without permission bits they are unknown.
bool is_closed(const sys::HostFs& host, const HostPath& path, std::uint32_t bit) {
    constexpr std::uint32_t permission_bits = 0777;
    const auto found = host.stat(path);
    return found && (found->mode & permission_bits) != 0 && (found->mode & bit) == 0;
}

/// Rootless engines read a file as their user.
void check_permissions(const Facts& facts, const HostPath& file, std::vector<Finding>& findings) {
    constexpr std::uint32_t read_bit = 04;
    constexpr std::uint32_t search_bit = 01;
    const auto& host = facts.host;
    const bool is_closed_directory = is_closed(host, file.parent(), search_bit);
    if ((!is_closed_directory && !is_closed(host, file, read_bit))
        || find_program(host, "podman").empty() || podman_homes(facts).empty())
        return;
    findings.push_back({.code = Code::GR1108,
                        .text = file.text()
                                + " cannot be read by other users than root, so rootless podman "
                                  "knows no device of it",
                        .command = is_closed_directory
                                       ? "chmod a+rx " + shell_word(file.parent().text())
                                             + " && chmod a+r " + shell_word(file.text())
                                       : "chmod a+r " + shell_word(file.text())});
}

/// A user may not read each file.
bool has_name_of_gpus(const HostPath& file) {
    return file.name().find("nvidia") != std::string::npos
           || file.name().find("grapnel") != std::string::npos;
}

} // namespace

Area cdi_area(const Facts& facts) {
    Area area{.name = "CDI"};
    std::map<HostPath, CdiScan> scans;
    for (const auto& file : cdi_files(facts.host)) {
        const auto text = text_of(facts.host, file);
        const auto spec = parse_yaml(text);
        auto scan = scan_cdi_json(spec.value_or(nlohmann::json()));
        if (!spec && text.find("nvidia") != std::string::npos)
            area.findings.push_back({.code = Code::GR1101,
                                     .text = file.text() + ": " + spec.error().text(),
                                     .command = generate_command(file)});
        else if (auto text_of_mistake = spec ? mistake_in(*spec) : std::string();
                 !text_of_mistake.empty() && text.find("nvidia") != std::string::npos)
            area.findings.push_back({.code = Code::GR1107,
                                     .text = file.text() + ": " + text_of_mistake,
                                     .command = generate_command(file)});
        else if (scan.kind.starts_with("nvidia.com/")
                 || scan.kind.starts_with("management.nvidia.com/"))
            scans.emplace(file, std::move(scan));
        if (scans.contains(file) || has_name_of_gpus(file))
            check_permissions(facts, file, area.findings);
        if (scans.contains(file))
            check_engines(facts, file, scans.at(file), text, area.findings);
    }
    for (const auto& [file, scan] : scans)
        check_file(facts, file, scan, area.findings);
    check_conflicts(scans, area.findings);
    area.is_used = !scans.empty() || !area.findings.empty();
    area.summary = scans.empty() ? "not used" : scans.begin()->first.text();
    return area;
}

} // namespace grapnel::doctor_command
