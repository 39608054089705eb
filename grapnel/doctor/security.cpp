// SPDX-License-Identifier: Apache-2.0
// SELinux and AppArmor.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

constexpr std::string_view boolean = "container_use_devices";

bool is_enforcing(const sys::HostFs& host) {
    return text_of(host, host_path("/sys/fs/selinux/enforce")) == "1";
}

/// "0 0": the value, and the pending one. False for a policy without the boolean, and where the
/// newer one for GPUs alone is on.
bool is_boolean_off(const sys::HostFs& host) {
    const auto booleans = host_path("/sys/fs/selinux/booleans");
    return text_of(host, booleans / boolean).starts_with('0')
           && !text_of(host, booleans / "container_use_xserver_devices").starts_with('1');
}

bool names_driver(std::string_view line) {
    return line.find("nvidia") != std::string_view::npos
           || line.find("grapnel") != std::string_view::npos;
}

/// Lines of the end of the audit log and of the kernel log.
std::vector<std::string> logged(const Facts& facts) {
    constexpr std::size_t longest = std::size_t{1} << 18;
    auto out = facts.here.kernel_log;
    const auto log = facts.host.map(host_path("/var/log/audit/audit.log"));
    if (!log)
        return out;
    auto text = log->bytes();
    text = text.substr(text.size() > longest ? text.size() - longest : 0);
    for (const auto line : split(text, '\n'))
        out.emplace_back(line);
    return out;
}

bool is_selinux_denial(const std::string& line) {
    return line.find("avc:") != std::string::npos && line.find("denied") != std::string::npos
           && line.find("scontext=") != std::string::npos
           && line.find(":container") != std::string::npos
           && (names_driver(line) || line.find("xserver_misc_device_t") != std::string::npos);
}

void check_selinux(const Facts& facts, const std::vector<std::string>& lines,
                   std::vector<Finding>& findings) {
    const auto denial = std::ranges::find_if(lines, is_selinux_denial);
    if (is_boolean_off(facts.host) && (denial != lines.end() || has_labelling_engine(facts)))
        findings.push_back({.code = Code::GR0601,
                            .text = "SELinux is enforcing and its boolean container_use_devices is "
                                    "off: containers may not open the GPU",
                            .command = "setsebool -P container_use_devices 1"});
    else if (denial != lines.end())
        findings.push_back({.code = Code::GR0602,
                            .text = "SELinux denied a container: " + *denial,
                            .command = "ausearch -m avc -ts recent | audit2allow -w"});
}

/// The value of profile="NAME" in a line of AppArmor's.
std::string profile_in(const std::string& line) {
    constexpr std::string_view key = "profile=\"";
    const auto at = line.find(key);
    if (at == std::string::npos)
        return {};
    const auto rest = line.substr(at + key.size());
    return rest.substr(0, rest.find('"'));
}

std::string with_tools(const sys::HostFs& host, const std::string& program,
                       const std::string& profile) {
    const std::string name = "apparmor-utils";
    const Packages packages{
        .debian = name, .ubuntu = name, .fedora = {}, .rhel = {}, .suse = name, .arch = "apparmor"};
    return with_program(host, program, packages, program + " " + shell_word(profile));
}

void check_profiles(const sys::HostFs& host, std::vector<Finding>& findings) {
    constexpr std::array<std::string_view, 5> programs{
        "grapnel-hook", "grapnel-runtime", "grapnel-probe", "nvidia-container-runtime-hook",
        "nvidia-container-runtime"};
    const auto text = text_of(host, host_path("/sys/kernel/security/apparmor/profiles"));
    for (const auto line : split(text, '\n')) {
        const auto blank = line.rfind(" (enforce)");
        if (blank == std::string_view::npos)
            continue;
        const auto name = line.substr(0, blank);
        const auto program = name.substr(name.rfind('/') + 1);
        if (std::ranges::find(programs, program) != programs.end())
            findings.push_back({.code = Code::GR0603,
                                .text = "AppArmor: the profile " + std::string(name)
                                        + " confines a program of Grapnel, which confines itself",
                                .command = with_tools(host, "aa-disable", std::string(name))});
    }
}

/// Loaded by an engine, without a file that aa-complain could change.
bool is_of_an_engine(std::string_view profile) {
    return profile == "docker-default" || profile == "crio-default"
           || profile == "cri-containerd.apparmor.d" || profile.starts_with("containers-default-");
}

void check_apparmor(const sys::HostFs& host, const std::vector<std::string>& lines,
                    std::vector<Finding>& findings) {
    check_profiles(host, findings);
    const auto denial = std::ranges::find_if(lines, [](const std::string& line) {
        return line.find("apparmor=\"DENIED\"") != std::string::npos && names_driver(line);
    });
    if (denial == lines.end())
        return;
    const auto profile = profile_in(*denial);
    findings.push_back(
        {.code = Code::GR0604,
         .text = "AppArmor denied an access by the profile " + quote(profile) + ": " + *denial,
         .command = is_of_an_engine(profile) ? "docker run --security-opt apparmor=unconfined IMAGE"
                                             : with_tools(host, "aa-complain", profile),
         .needs_root = !is_of_an_engine(profile)});
}

} // namespace

Area security_area(const Facts& facts) {
    const bool selinux = is_enforcing(facts.host);
    const bool apparmor =
        text_of(facts.host, host_path("/sys/module/apparmor/parameters/enabled")) == "Y"
        || exists(facts.host, host_path("/sys/kernel/security/apparmor/profiles"));
    Area area{.name = "security"};
    area.summary = selinux    ? "SELinux is enforcing"
                   : apparmor ? "AppArmor"
                              : "neither SELinux nor AppArmor";
    const auto lines = logged(facts);
    if (selinux)
        check_selinux(facts, lines, area.findings);
    if (apparmor)
        check_apparmor(facts.host, lines, area.findings);
    return area;
}

} // namespace grapnel::doctor_command
