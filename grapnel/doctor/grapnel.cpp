// SPDX-License-Identifier: Apache-2.0
// Grapnel's own programs and settings.
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/kubelet.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

HostPath settings_file(const Facts& facts) {
    if (facts.settings.named)
        return *facts.settings.named;
    for (const auto* const path :
         {"/etc/grapnel/config.toml", "/etc/nvidia-container-runtime/config.toml"})
        if (facts.host.stat_link(host_path(path)))
            return host_path(path);
    return {};
}

void check_settings(const Facts& facts, const HostPath& file, std::vector<Finding>& findings) {
    if (facts.settings.mistake) {
        auto mistake = *facts.settings.mistake;
        findings.push_back({.code = Code::GR0701,
                            .text = mistake.text(),
                            .command = "grapnel config check",
                            .needs_root = false});
    }
    const auto found = file.empty() ? Result<sys::FileFacts>(refused("")) : facts.host.stat(file);
    constexpr std::uint32_t readable_by_others = 04;
    constexpr std::uint32_t permission_bits = 0777;
    if (found && (found->mode & permission_bits) != 0 && (found->mode & readable_by_others) == 0)
        findings.push_back({.code = Code::GR0702,
                            .text = file.text()
                                    + ": other users may not read the settings, so "
                                      "rootless containers are refused",
                            .command = "chmod a+r " + shell_word(file.text())});
}

/// Whether this program is installed, and not run from where it was built.
bool is_installed(const Facts& facts) {
    return !facts.here.own_program.empty()
           && facts.here.own_program.parent() == facts.here.programs;
}

/// A program that was built from source, or unpacked, is of no package.
std::string reinstall(const Facts& facts, Code code) {
    return facts.here.programs == host_path("/usr/bin")
               ? reinstall_command(facts.host, "grapnel", code)
               : page_command(code);
}

void check_programs(const Facts& facts, std::vector<Finding>& findings) {
    constexpr std::uint32_t setid_bits = 06000;
    for (const auto* const name : {"grapnel-hook", "grapnel-runtime"}) {
        const auto path = facts.here.programs / name;
        const auto found = facts.host.stat(path);
        const auto fault = fault_of_program(facts.host, path);
        if (!fault.empty() && (fault != "is missing" || is_installed(facts)))
            findings.push_back(
                {.code = Code::GR0703,
                 .text = path.text() + " " + std::string(fault),
                 .command = mend_program(fault, path, reinstall(facts, Code::GR0703))});
        if (found && (found->mode & setid_bits) != 0)
            findings.push_back({.code = Code::GR0704,
                                .text = path.text() + " is setuid or setgid, which it refuses",
                                .command = "chmod ug-s " + shell_word(path.text())});
    }
    const auto& probe = facts.settings.settings.probe;
    if (is_installed(facts) && !probe.empty() && !exists(facts.host, probe))
        findings.push_back({.code = Code::GR0705,
                            .text = probe.text()
                                    + " is missing: MIG devices by UUID and "
                                      "requirements on the brand cannot be decided",
                            .command = reinstall(facts, Code::GR0705)});
}

void check_places(const Facts& facts, const HostPath& file, std::vector<Finding>& findings) {
    const auto& settings = facts.settings.settings;
    if (!settings.log.empty() && !exists(facts.host, settings.log.parent()))
        findings.push_back({.code = Code::GR0706,
                            .text = settings.log.text()
                                    + ": the directory of the log is missing, so nothing is logged",
                            .command = "mkdir -p " + shell_word(settings.log.parent().text())});
    if (!settings.ldconfig.empty() && !exists(facts.host, settings.ldconfig))
        findings.push_back(
            {.code = Code::GR0707,
             .text = settings.ldconfig.text()
                     + ": the program that the setting ldconfig names is missing",
             .command = R"(sed -i 's/^\s*ldconfig\s*=/#&/' )"
                        + shell_word(file.empty() ? "/etc/grapnel/config.toml" : file.text())});
    if (lacks_csv_lists(facts))
        findings.push_back({.code = Code::GR0708,
                            .text = settings.csv_directory.text()
                                    + " is missing, but the setting mode is csv, which is for a "
                                      "Jetson",
                            .command = "grapnel config set nvidia-container-runtime.mode auto"});
}

/// Why nothing can be written there: "is read-only" or "is full"; empty if it can.
std::string_view fault_of_directory(const Facts& facts, const HostPath& path) {
    const auto mounts = parse_mountinfo(text_of(facts.host, host_path("/proc/self/mountinfo")));
    const auto* const mount = mount_of(mounts, path);
    const auto is_read_only = [](const std::vector<std::string>& options) {
        return std::ranges::find(options, "ro") != options.end();
    };
    if (mount != nullptr && (is_read_only(mount->options) || is_read_only(mount->super_options)))
        return "is read-only";
    const auto& full = facts.here.full_directories;
    return std::ranges::find(full, path) == full.end() ? "" : "is full";
}

/// Remounts a read-only one; lists the biggest files of a full one, for a person to choose.
std::string room_command(std::string_view fault, const HostPath& path) {
    return fault == "is full"
               ? "du -xa " + shell_word(path.text()) + " | sort -n | tail"
               : "mount -o remount,rw \"$(findmnt -no TARGET -T " + shell_word(path.text()) + ")\"";
}

/// A start writes the record of its cleanup before it changes a container.
void check_room(const Facts& facts, std::vector<Finding>& findings) {
    const auto state = host_path("/run");
    const auto fault_of_state = fault_of_directory(facts, state);
    if (fault_of_state == "is full")
        findings.push_back({.code = Code::GR0710,
                            .text = "/run is full: a start with a GPU is refused, as it writes a "
                                    "cleanup record to /run/grapnel",
                            .command = room_command(fault_of_state, state)});
    else if (!fault_of_state.empty())
        findings.push_back({.code = Code::GR0712,
                            .text = "/run is read-only: starts write no cleanup record, and "
                                    "leave files in root file systems",
                            .command = room_command(fault_of_state, state)});
    const auto records = facts.host.stat(state / "grapnel");
    if (records && records->type != sys::FileFacts::Type::directory)
        findings.push_back({.code = Code::GR0713,
                            .text = "/run/grapnel is no directory, in which a start writes its "
                                    "cleanup record: every start with a GPU is refused",
                            .command = "rm /run/grapnel"});
    const auto& log = facts.settings.settings.log;
    const auto fault = log.empty() ? "" : fault_of_directory(facts, log.parent());
    if (!fault.empty() && exists(facts.host, log.parent()))
        findings.push_back({.code = Code::GR0711,
                            .text = log.parent().text() + " " + std::string(fault)
                                    + ": nothing is written to " + log.text(),
                            .command = room_command(fault, log.parent())});
}

bool is_root_daemon(const Daemon& daemon) {
    constexpr std::array<std::string_view, 3> engines{"dockerd", "crio", "kubelet"};
    return daemon.user == 0 && std::ranges::find(engines, daemon.name) != engines.end();
}

/// The setting is for the users' engines alone, and holds for all.
void check_cgroups(const Facts& facts, std::vector<Finding>& findings) {
    const auto daemon = std::ranges::find_if(facts.daemons, is_root_daemon);
    if (facts.settings.settings.no_cgroups && daemon != facts.daemons.end())
        findings.push_back({.code = Code::GR0709,
                            .text = "the setting no-cgroups is true, so containers of "
                                    + daemon->name + ", which runs as root, may not open the GPU",
                            .command = "grapnel config set nvidia-container-cli.no-cgroups false"});
}

/// With volume mounts Kubernetes' device plugin alone decides, unless the environment counts too.
void check_requests(const Facts& facts, std::vector<Finding>& findings) {
    const auto& settings = facts.settings.settings;
    if (settings.accept_volume_mounts && settings.accept_environment_when_unprivileged
        && has_kubelet(facts))
        findings.push_back(
            {.code = Code::GR0714,
             .text = "the setting accept-nvidia-visible-devices-envvar-when-unprivileged is true "
                     "beside volume mounts, so a pod whose image sets NVIDIA_VISIBLE_DEVICES "
                     "takes GPUs that Kubernetes did not give it",
             .command = "grapnel config set accept-nvidia-visible-devices-envvar-when-unprivileged "
                        "false"});
}

} // namespace

Area grapnel_area(const Facts& facts) {
    const auto file = settings_file(facts);
    Area area{.name = "grapnel", .summary = GRAPNEL_VERSION};
    area.summary += file.empty() ? ", no settings file" : ", " + file.text();
    check_settings(facts, file, area.findings);
    check_programs(facts, area.findings);
    check_places(facts, file, area.findings);
    check_room(facts, area.findings);
    check_cgroups(facts, area.findings);
    check_requests(facts, area.findings);
    return area;
}

} // namespace grapnel::doctor_command
