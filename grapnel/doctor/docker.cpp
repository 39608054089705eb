// SPDX-License-Identifier: Apache-2.0
// Docker: its runtimes, and the hook that `docker run --gpus` looks for.
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/docker_client.hpp"
#include "doctor/docker_settings.hpp"
#include "doctor/docker_unit.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/json_text.hpp"
#include "doctor/nomad.hpp"
#include "doctor/rootless.hpp"
#include "doctor/shell.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view hook_name = "nvidia-container-runtime-hook";
/// Where snapd mounts snaps: on Debian and Ubuntu, and on Fedora and Arch.
constexpr std::array<std::string_view, 2> snap_mounts{"/snap", "/var/lib/snapd/snap"};
/// The PATH of a systemd service without a setting for it.
constexpr std::string_view usual_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program of a runtime in daemon.json: of runc's shim it is among the options.
std::string program_of(const nlohmann::json& runtime) {
    auto program = text_at(runtime, "path");
    if (program.empty() && runtime.is_object())
        program = text_at(runtime.value("options", nlohmann::json()), "BinaryName");
    return program;
}

/// As dockerd finds it: a name is looked up in its PATH.
std::string path_of(const sys::HostFs& host, const std::string& program) {
    if (program.empty() || program.starts_with('/'))
        return program;
    const auto found = find_program(host, program);
    return found.empty() ? program : found.text();
}

/// Runtimes by name, with the path of each: of the file and of the command line.
std::map<std::string, std::string> runtimes_of(const Facts& facts, const Docker& docker) {
    std::map<std::string, std::string> out;
    const auto listed = docker.settings.find("runtimes");
    if (listed != docker.settings.end() && listed->is_object())
        for (const auto& [name, runtime] : listed->items())
            out[name] = path_of(facts.host, program_of(runtime));
    for (const auto& value :
         docker.daemon ? options_of(*docker.daemon, "add-runtime") : std::vector<std::string>())
        if (const auto equals = value.find('='); equals != std::string::npos)
            out[value.substr(0, equals)] = path_of(facts.host, value.substr(equals + 1));
    return out;
}

std::string path_of_daemon(const Docker& docker) {
    return docker.daemon != nullptr && docker.daemon->path ? *docker.daemon->path
                                                           : std::string(usual_path);
}

HostPath hook_in_path(const Facts& facts, const Docker& docker) {
    const auto path = path_of_daemon(docker);
    const auto found = find_in(facts.host, path, hook_name);
    return found.empty() ? find_in(facts.host, path, "nvidia-container-toolkit") : found;
}

/// Where the hook is installed, if dockerd does not find it.
HostPath hook_elsewhere(const Facts& facts) {
    for (const auto& directory :
         {facts.here.programs,
          facts.here.own_program.empty() ? facts.here.programs : facts.here.own_program.parent()})
        if (exists(facts.host, directory / hook_name))
            return directory / hook_name;
    return find_program(facts.host, hook_name);
}

bool is_read_only(const Facts& facts, const HostPath& directory) {
    const auto mounts = parse_mountinfo(text_of(facts.host, host_path("/proc/self/mountinfo")));
    const auto* const mount = mount_of(mounts, directory);
    return mount != nullptr
           && (std::ranges::find(mount->options, "ro") != mount->options.end()
               || std::ranges::find(mount->super_options, "ro") != mount->super_options.end());
}

/// A directory in dockerd's PATH that takes a link; empty without one, as on NixOS or Flatcar.
HostPath directory_for_link(const Facts& facts, const Docker& docker) {
    const auto path = path_of_daemon(docker);
    for (const auto directory : split(path, ':')) {
        const auto named = HostPath::make(directory);
        if (named && exists(facts.host, *named) && !directory.starts_with("/nix/")
            && !is_read_only(facts, facts.host.resolve(*named).value_or(*named)))
            return *named;
    }
    return {};
}

/// A link to the hook, or a longer PATH for the unit.
std::string hook_command(const Facts& facts, const Docker& docker, const HostPath& hook) {
    const auto restart = restart_command(facts, docker.daemon, "docker");
    const auto directory = directory_for_link(facts, docker);
    if (!directory.empty())
        return "ln -s " + shell_word(hook.text()) + " " + shell_word((directory / hook_name).text())
               + " && " + restart;
    if (!has_systemd(facts) || !is_of_root(docker))
        return page_command(Code::GR0806);
    const auto unit = docker.daemon != nullptr && !docker.daemon->unit.empty()
                          ? docker.daemon->unit
                          : std::string("docker.service");
    const auto drop_in = "/etc/systemd/system/" + unit + ".d";
    return "mkdir -p " + drop_in + " && printf '[Service]\\nEnvironment=PATH=%s\\n' "
           + shell_word(path_of_daemon(docker) + ":" + hook.parent().text()) + " > " + drop_in
           + "/grapnel.conf && systemctl daemon-reload && " + restart;
}

void check_hook(const Facts& facts, const Docker& docker, bool has_runtime,
                std::vector<Finding>& findings) {
    if (!hook_in_path(facts, docker).empty())
        return;
    const auto elsewhere = hook_elsewhere(facts);
    if (!elsewhere.empty())
        findings.push_back({.code = Code::GR0806,
                            .text = elsewhere.text()
                                    + ": dockerd does not have that directory in "
                                      "its PATH, so it refuses --gpus",
                            .command = hook_command(facts, docker, elsewhere),
                            .needs_root = is_of_root(docker)});
    else if (!has_runtime && !serves_cdi(facts, docker))
        findings.push_back({.code = Code::GR0802,
                            .text = docker.config.text()
                                    + ": no runtime of Grapnel is registered, and dockerd finds "
                                      "no "
                                    + std::string(hook_name) + " for --gpus",
                            .command = configure_docker_command(facts, docker, Code::GR0802),
                            .needs_root = is_of_root(docker)});
}

void check_default(const Facts& facts, const Docker& docker,
                   const std::map<std::string, std::string>& runtimes,
                   std::vector<Finding>& findings) {
    auto name = text_at(docker.settings, "default-runtime");
    if (docker.daemon != nullptr)
        name = option_of(*docker.daemon, "default-runtime").value_or(name);
    if (name.empty() || name == "runc" || name.starts_with("io.containerd."))
        return;
    const auto found = runtimes.find(name);
    if (found == runtimes.end())
        findings.push_back(
            {.code = Code::GR0804,
             .text = docker.config.text() + ": the default runtime " + quote(name)
                     + " is not among the runtimes, so dockerd does not start",
             .command = configure_docker_command(facts, docker, Code::GR0804, "--set-as-default"),
             .needs_root = is_of_root(docker)});
    else if (maker_of(facts.host, found->second) == Maker::other)
        findings.push_back(
            {.code = Code::GR0805,
             .text = docker.config.text() + ": the default runtime is " + quote(name)
                     + ", which gives no driver: containers without --runtime=nvidia get no GPU",
             .command = configure_docker_command(facts, docker, Code::GR0805, "--set-as-default"),
             .needs_root = is_of_root(docker)});
}

/// Low-level runtimes of the settings: a name or a path.
bool has_low_level_runtime(const Facts& facts) {
    return std::ranges::any_of(facts.settings.settings.runtimes, [&](const std::string& name) {
        if (!name.starts_with('/'))
            return !find_program(facts.host, name).empty();
        const auto path = HostPath::make(name);
        return path && exists(facts.host, *path);
    });
}

/// A program without a directory that dockerd finds nowhere. Its PATH can be unknown to a user.
bool is_nowhere(const Facts& facts, const Docker& docker, const std::string& program) {
    const bool is_known = docker.daemon == nullptr || docker.daemon->path;
    return is_known && !program.empty() && program.find('/') == std::string::npos
           && find_in(facts.host, path_of_daemon(docker), program).empty();
}

void check_runtimes(const Facts& facts, const Docker& docker, std::vector<Finding>& findings) {
    const auto runtimes = runtimes_of(facts, docker);
    bool has_runtime = false;
    for (const auto& [name, path] : runtimes) {
        const auto maker = maker_of(facts.host, path);
        const auto at = HostPath::make(path);
        if (at && (maker != Maker::other || name == "nvidia"))
            if (auto finding =
                    unusable_runtime(facts.host, Code::GR0803, {docker.config.text(), name, *at},
                                     configure_docker_command(facts, docker, Code::GR0803))) {
                finding->needs_root = is_of_root(docker);
                findings.push_back(std::move(*finding));
            }
        if (is_nowhere(facts, docker, path)
            && (name == "nvidia" || path.starts_with("nvidia-") || path.starts_with("grapnel-")))
            findings.push_back({.code = Code::GR0803,
                                .text = docker.config.text() + ": the program of the runtime "
                                        + quote(name)
                                        + " is in no directory of dockerd's PATH: " + path,
                                .command = configure_docker_command(facts, docker, Code::GR0803),
                                .needs_root = is_of_root(docker)});
        has_runtime = has_runtime || maker != Maker::other || name == "nvidia";
        if (maker == Maker::grapnel && !has_low_level_runtime(facts))
            findings.push_back(
                {.code = Code::GR0810,
                 .text = path + " starts runc or crun, and neither is installed",
                 .command = install_command(facts.host, packages("runc"), Code::GR0810)});
    }
    check_hook(facts, docker, has_runtime, findings);
    check_default(facts, docker, runtimes, findings);
}

/// The runtime or default runtime of the file that the running dockerd has not: `known` is its own
/// answer. Empty if it has them, or gives no answer.
std::string unknown_setting(const Facts& facts, const Docker& docker, const nlohmann::json& known) {
    const auto runtimes =
        known.is_object() ? known.value("runtimes", nlohmann::json()) : nlohmann::json();
    if (!runtimes.is_object())
        return {};
    for (const auto& [name, path] : runtimes_of(facts, docker)) {
        if (maker_of(facts.host, path) == Maker::other)
            continue;
        if (!runtimes.contains(name))
            return "the runtime " + quote(name);
        const auto its = path_of(facts.host, program_of(runtimes[name]));
        if (!its.empty() && its != path)
            return "the program of the runtime " + quote(name) + ": it starts " + its;
    }
    const auto meant = text_at(docker.settings, "default-runtime");
    const auto now = text_at(known, "default");
    return meant.empty() || now.empty() || meant == now
               ? std::string()
               : "the default runtime " + quote(meant) + ": its own is " + quote(now);
}

/// dockerd reads its file when it starts, and at a reload.
void check_restart(const Facts& facts, const Docker& docker, std::vector<Finding>& findings) {
    if (docker.daemon == nullptr || docker.daemon->started_ns == 0 || !facts.here.ask)
        return;
    const auto file = facts.host.stat(docker.config);
    if (!file || file->modified_ns <= docker.daemon->started_ns)
        return;
    const auto known =
        facts.here.ask({"docker", "info", "--format",
                        "{\"default\":{{json .DefaultRuntime}},\"runtimes\":{{json .Runtimes}}}"});
    const auto unknown = known ? unknown_setting(facts, docker, parse_json(*known)) : std::string();
    if (!unknown.empty())
        findings.push_back({.code = Code::GR0808,
                            .text = docker.config.text()
                                    + " was changed after dockerd started, which does not know "
                                    + unknown,
                            .command = restart_command(facts, docker.daemon, "docker"),
                            .needs_root = is_of_root(docker)});
}

bool is_of_snap(const Docker& docker) {
    return docker.daemon != nullptr && std::ranges::any_of(snap_mounts, [&](auto mounts) {
               return docker.daemon->program.text().starts_with(std::string(mounts) + "/");
           });
}

void check_manager(const Facts& facts, const Docker& docker, std::vector<Finding>& findings) {
    const auto options = docker.settings.find("exec-opts");
    if (options == docker.settings.end() || !options->is_array() || has_systemd(facts))
        return;
    if (std::ranges::find(*options, "native.cgroupdriver=systemd") != options->end())
        findings.push_back({.code = Code::GR0501,
                            .text = docker.config.text()
                                    + ": the cgroup manager is systemd, which "
                                      "does not run on this host",
                            .command = "sed -i s/native.cgroupdriver=systemd/"
                                       "native.cgroupdriver=cgroupfs/ "
                                       + shell_word(docker.config.text()) + " && "
                                       + restart_command(facts, docker.daemon, "docker"),
                            .needs_root = is_of_root(docker)});
}

/// Red Hat has no Docker, and Amazon's has its own name.
Packages docker_packages(const sys::HostFs& host) {
    const bool has_dockers = has_repository(host, {"download.docker.com"});
    return {.debian = "docker.io",
            .ubuntu = "docker.io",
            .fedora = "moby-engine",
            .rhel = has_dockers                       ? "docker-ce"
                    : distribution_of(host) == "amzn" ? "docker"
                                                      : "",
            .suse = "docker",
            .arch = "docker"};
}

/// Ubuntu Core has snaps alone.
std::string replace_snap_command(const sys::HostFs& host) {
    const auto install = install_command(host, docker_packages(host), Code::GR0807);
    return install == page_command(Code::GR0807) ? install : "snap remove docker && " + install;
}

std::string use_own_docker_command(const sys::HostFs& host) {
    const auto install = install_command(host, docker_packages(host), Code::GR0809);
    return install == page_command(Code::GR0809) ? install
                                                 : install + " && docker context use default";
}

void check_docker(const Facts& facts, const Docker& docker, std::vector<Finding>& findings) {
    if (is_of_snap(docker)) {
        findings.push_back({.code = Code::GR0807,
                            .text = docker.daemon->program.text()
                                    + ": Docker is a snap, which sees neither the driver nor "
                                      "Grapnel's programs of the host",
                            .command = replace_snap_command(facts.host)});
        return;
    }
    if (auto refused = refused_settings(facts, docker)) {
        findings.push_back(std::move(*refused));
        return;
    }
    if (docker.unreadable)
        return;
    if (auto conflict = conflicting_option(facts, docker)) {
        findings.push_back(std::move(*conflict));
        return;
    }
    if (auto unread = unread_cdi_file(facts, docker))
        findings.push_back(std::move(*unread));
    check_runtimes(facts, docker, findings);
    check_restart(facts, docker, findings);
    check_manager(facts, docker, findings);
}

/// It was stopped, or does not start.
void check_service(const Facts& facts, Area& area) {
    if (area.findings.empty() && is_enabled_without(facts, "docker.service", "dockerd"))
        area.findings.push_back({.code = Code::GR0812,
                                 .text = "docker.service is enabled, but dockerd does not run",
                                 .command = restart_command(facts, nullptr, "docker")});
}

/// Installed without a dockerd of the host's own.
void check_other_kinds(const Facts& facts, Area& area) {
    const bool has_own = !find_program(facts.host, "dockerd").empty();
    for (const auto mounts : snap_mounts) {
        const auto snap = host_path(mounts) / "docker";
        if (!has_own && area.findings.empty() && exists(facts.host, snap / "current"))
            area.findings.push_back({.code = Code::GR0807,
                                     .text = snap.text()
                                             + ": Docker is a snap, which sees neither the driver "
                                               "nor Grapnel's programs of the host",
                                     .command = replace_snap_command(facts.host)});
    }
    if (!has_own && exists(facts.host, host_path("/opt/docker-desktop/bin")))
        area.findings.push_back({.code = Code::GR0809,
                                 .text = "/opt/docker-desktop: Docker Desktop runs containers in a "
                                         "virtual machine, which has no GPU",
                                 .command = use_own_docker_command(facts.host)});
}

} // namespace

Area docker_area(const Facts& facts) {
    Area area{.name = "docker"};
    const auto found = dockers(facts);
    for (const auto& docker : found)
        check_docker(facts, docker, area.findings);
    if (found.empty())
        check_other_kinds(facts, area);
    check_service(facts, area);
    check_nomad(facts, found, area.findings);
    check_docker_client(facts, found, area.findings);
    const bool has_podman = !find_program(facts.host, "podman").empty();
    if (has_rootless_docker(facts) && (!has_podman || podman_homes(facts).empty()))
        check_map_programs(facts, area.findings);
    area.is_used = !found.empty() || !area.findings.empty();
    area.summary = !area.is_used                     ? "not used"
                   : found.empty()                   ? "not running"
                   : found.front().daemon == nullptr ? "does not run"
                                                     : found.front().config.text();
    return area;
}

} // namespace grapnel::doctor_command
