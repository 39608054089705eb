// SPDX-License-Identifier: Apache-2.0
// The kernel features and host files that containers without root need.
#include "doctor/rootless.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

/// A line of passwd(5).
struct User {
    std::string name = {};
    std::string number = {};
};

std::optional<User> owner_of(const sys::HostFs& host, const HostPath& home) {
    constexpr std::size_t number = 2;
    constexpr std::size_t place = 5;
    const auto text = text_of(host, host_path("/etc/passwd"));
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() > place && fields[place] == home.text())
            return User{std::string(fields.front()), std::string(fields[number])};
    }
    return std::nullopt;
}

/// Without a range of subordinate IDs most images cannot be unpacked. Another service can give it
/// (nsswitch.conf(5)).
void check_subordinate_ids(const Facts& facts, const HostPath& home,
                           std::vector<Finding>& findings) {
    const auto user = owner_of(facts.host, home);
    const auto switches = text_of(facts.host, host_path("/etc/nsswitch.conf"));
    if (!user || ("\n" + switches).find("\nsubid:") != std::string::npos)
        return;
    for (const auto* const file : {"/etc/subuid", "/etc/subgid"}) {
        const auto text = "\n" + text_of(facts.host, host_path(file));
        if (text.find("\n" + user->name + ":") == std::string::npos
            && text.find("\n" + user->number + ":") == std::string::npos) {
            findings.push_back(
                {.code = Code::GR0907,
                 .text = std::string(file) + ": no range of " + user->name
                         + ", so rootless podman of this user has one ID alone",
                 .command = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
                            + shell_word(user->name)});
            return;
        }
    }
}

/// pam_systemd(8) makes the directory /run/user/UID at a login; su(1) and sudo(8) do not.
void check_runtime_directory(const Facts& facts, std::vector<Finding>& findings) {
    const auto path = host_path("/run/user") / std::to_string(facts.here.user);
    if (facts.here.user == 0 || !has_systemd(facts) || exists(facts.host, path))
        return;
    const auto owner = owner_of(facts.host, facts.here.home);
    findings.push_back(
        {.code = Code::GR0908,
         .text = path.text()
                 + " is missing: this user is not logged in by systemd, so rootless "
                   "containers get no cgroup, and the hook has no place for records",
         .command = "loginctl enable-linger "
                    + shell_word(owner ? owner->name : std::to_string(facts.here.user))});
}

/// The second sysctl is of Debian and Arch.
void check_user_namespaces(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& [name, value] : {std::pair("user/max_user_namespaces", "28633"),
                                      {"kernel/unprivileged_userns_clone", "1"}}) {
        if (number_of(facts.host, host_path("/proc/sys") / name) != 0)
            continue;
        std::string key = name;
        std::ranges::replace(key, '/', '.');
        findings.push_back({.code = Code::GR0910,
                            .text = "the sysctl " + key
                                    + " is 0: no user may make a user namespace, so rootless "
                                      "podman starts no container",
                            .command = "echo '" + key + " = " + value
                                       + "' > /etc/sysctl.d/99-userns.conf && sysctl --system"});
        return;
    }
}

/// newuidmap(1) and newgidmap(1) write a range of IDs into a user namespace.
struct MapProgram {
    std::string_view name;
    std::string_view capability; ///< that replaces the mode setuid
};

constexpr std::array<MapProgram, 2> map_programs{
    {{"newuidmap", "cap_setuid"}, {"newgidmap", "cap_setgid"}}};

/// Of Debian's uidmap; elsewhere of the package of passwd(1), which every host has.
std::string install_map_programs(const sys::HostFs& host) {
    switch (family_of(host)) {
    case Family::debian:
    case Family::ubuntu:
        return reinstall_command(host, "uidmap", Code::GR0912);
    case Family::fedora:
    case Family::rhel:
        return reinstall_command(host, "shadow-utils", Code::GR0912);
    default:
        return reinstall_command(host, "shadow", Code::GR0912);
    }
}

/// Without permission bits the mode is unknown.
bool has_rights(const Facts& facts, const HostPath& program, const sys::FileFacts& found) {
    constexpr std::uint32_t setuid = 04000;
    constexpr std::uint32_t permission_bits = 0777;
    if ((found.mode & permission_bits) == 0
        || ((found.mode & setuid) != 0 && found.owner.user == 0))
        return true;
    const auto capabilities =
        facts.here.has_capabilities ? facts.here.has_capabilities(program) : Result<bool>(false);
    return !capabilities || *capabilities;
}

std::optional<Finding> fault_of(const Facts& facts, const MapProgram& program) {
    const std::string consequence = ", so no container of a user with a range of IDs starts";
    auto path = find_program(facts.host, program.name);
    if (path.empty()) // NixOS
        path = find_in(facts.host, "/run/wrappers/bin", program.name);
    const auto found = path.empty() ? Result<sys::FileFacts>(refused("")) : facts.host.stat(path);
    if (path.empty())
        return Finding{.code = Code::GR0912,
                       .text = std::string(program.name) + " is missing" + consequence,
                       .command = install_map_programs(facts.host)};
    if (!found || has_rights(facts, path, *found))
        return std::nullopt;
    return Finding{.code = Code::GR0912,
                   .text = path.text() + " is not setuid root, and has no "
                           + std::string(program.capability) + consequence,
                   .command = "chown root " + shell_word(path.text()) + " && chmod u+s "
                              + shell_word(path.text())};
}

} // namespace

void check_map_programs(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& program : map_programs)
        if (auto finding = fault_of(facts, program)) {
            findings.push_back(std::move(*finding));
            return;
        }
}

bool has_rootless_docker(const Facts& facts) {
    const auto is_rootless = [](const Daemon& daemon) {
        return daemon.name == "dockerd" && daemon.user != 0;
    };
    const auto has_unit = [&](const HostPath& home) {
        return exists(facts.host, home / ".config" / "systemd" / "user" / "docker.service");
    };
    return std::ranges::any_of(facts.daemons, is_rootless)
           || (facts.here.user == 0 ? std::ranges::any_of(homes_of_users(facts.host), has_unit)
                                    : !facts.here.home.empty() && has_unit(facts.here.home));
}

void check_rootless(const Facts& facts, std::vector<Finding>& findings) {
    const auto homes = podman_homes(facts);
    const auto before = findings.size();
    for (const auto& home : homes)
        check_subordinate_ids(facts, home, findings);
    if (!homes.empty() && findings.size() == before)
        check_map_programs(facts, findings);
    if (!homes.empty())
        check_user_namespaces(facts, findings);
    check_runtime_directory(facts, findings);
}

} // namespace grapnel::doctor_command
