// SPDX-License-Identifier: Apache-2.0
#include "doctor/bundle.hpp"

#include "base/text.hpp"
#include "doctor/redact.hpp"
#include "doctor/report.hpp"
#include "doctor/tar.hpp"

#include <array>

namespace grapnel::doctor_command {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::size_t file_limit = std::size_t{1} << 18; ///< of a longer file its end is taken

constexpr std::array files{
    "/proc/driver/nvidia/version",
    "/proc/driver/nvidia/params",
    "/proc/devices",
    "/proc/modules",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/net/core/bpf_jit_harden",
    "/proc/sys/kernel/kptr_restrict",
    "/proc/sys/vm/memfd_noexec",
    "/etc/os-release",
    "/etc/grapnel/config.toml",
    "/etc/nvidia-container-runtime/config.toml",
    "/etc/docker/daemon.json",
    "/etc/containers/containers.conf",
    "/etc/containerd/config.toml",
    "/etc/containerd/conf.d/99-grapnel.toml",
    "/etc/crio/crio.conf.d/99-grapnel.toml",
};

/// Every file of these directories, not of directories in them.
constexpr std::array directories{
    "/etc/cdi",
    "/run/cdi",
    "/usr/share/containers/oci/hooks.d",
    "/etc/containers/oci/hooks.d",
    "/etc/containers/containers.conf.d",
};

void add(const Facts& facts, const HostPath& path, Tar& tar) {
    const auto text = facts.host.read(path);
    if (!text)
        return;
    const auto end = text->size() > file_limit ? text->substr(text->size() - file_limit) : *text;
    tar.add("grapnel-doctor" + path.text(), redact(end));
}

std::string nodes_text(const Facts& facts) {
    std::string out;
    if (!facts.inventory)
        return facts.inventory.error().text() + "\n";
    auto nodes = facts.inventory->control_nodes;
    for (const auto& gpu : facts.inventory->gpus)
        nodes.push_back(gpu.node);
    for (const auto& node : nodes)
        out += node.path.text()
               + (node.found ? " " + std::to_string(node.found->major) + ":"
                                   + std::to_string(node.found->minor)
                             : std::string(" missing"))
               + "\n";
    for (const auto& library : facts.inventory->libraries)
        out += library.path.text() + "\n";
    for (const auto& notice : facts.inventory->notices.list)
        out += "warning: " + printable(notice.text) + "\n";
    return out;
}

std::string kernel_text(const Facts& facts) {
    std::string out;
    for (const auto& line : facts.here.kernel_log)
        if (line.find("NVRM") != std::string::npos || line.find("nvidia") != std::string::npos
            || line.find("DENIED") != std::string::npos)
            out += printable(line) + "\n";
    return out;
}

std::vector<Area> redacted(std::vector<Area> areas) {
    for (auto& area : areas) {
        area.summary = redact(area.summary);
        for (auto& finding : area.findings) {
            finding.text = redact(finding.text);
            finding.command = redact(finding.command);
        }
    }
    return areas;
}

} // namespace

std::string bundle(const Facts& facts, const std::vector<Area>& areas) {
    Tar tar(facts.here.now_ns / second_ns);
    tar.add("grapnel-doctor/report.txt", redact(text_report(areas, Terminal())));
    tar.add("grapnel-doctor/report.json", json_report(redacted(areas)));
    tar.add("grapnel-doctor/driver.txt", redact(nodes_text(facts)));
    tar.add("grapnel-doctor/kernel-log.txt", redact(kernel_text(facts)));
    for (const auto* const file : files)
        add(facts, host_path(file), tar);
    for (const auto* const directory : directories)
        for (const auto& name : names_in(facts.host, host_path(directory)))
            add(facts, host_path(directory) / name, tar);
    const auto gpus = host_path("/proc/driver/nvidia/gpus");
    for (const auto& name : names_in(facts.host, gpus))
        add(facts, gpus / name / "information", tar);
    if (!facts.settings.settings.log.empty())
        add(facts, facts.settings.settings.log, tar);
    return tar.finish();
}

} // namespace grapnel::doctor_command
