// SPDX-License-Identifier: Apache-2.0
#include "doctor/host_commands.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace grapnel::doctor_command {

namespace {

/// The value of a key of os-release(5), without its quotes.
std::string release_value(const sys::HostFs& host, std::string_view key) {
    auto text = text_of(host, host_path("/etc/os-release"));
    if (text.empty())
        text = text_of(host, host_path("/usr/lib/os-release"));
    for (const auto line : split(text, '\n')) {
        if (!line.starts_with(key) || !line.substr(key.size()).starts_with('='))
            continue;
        auto value = trim(line.substr(key.size() + 1));
        if (value.size() > 1 && (value.front() == '"' || value.front() == '\''))
            value = value.substr(1, value.size() - 2);
        return std::string(value);
    }
    return {};
}

std::string_view name_for(Family family, const Packages& packages) {
    switch (family) {
    case Family::debian:
        return packages.debian;
    case Family::ubuntu:
        return packages.ubuntu;
    case Family::fedora:
        return packages.fedora;
    case Family::rhel:
        return packages.rhel;
    case Family::suse:
        return packages.suse;
    case Family::arch:
        return packages.arch;
    case Family::other:
        break;
    }
    return {};
}

/// An image-based system takes packages in its next deployment.
bool is_ostree(const sys::HostFs& host) {
    return exists(host, host_path("/run/ostree-booted"));
}

bool is_transactional(const sys::HostFs& host) {
    const auto id = release_value(host, "ID");
    return id.ends_with("microos") || id.starts_with("sle-micro") || id.starts_with("sl-micro");
}

std::string_view installer_of(const sys::HostFs& host, Family family) {
    switch (family) {
    case Family::debian:
    case Family::ubuntu:
        return "apt-get install ";
    case Family::fedora:
    case Family::rhel:
        return is_ostree(host) ? "rpm-ostree install " : "dnf install ";
    case Family::suse:
        return is_transactional(host) ? "transactional-update pkg install " : "zypper install ";
    case Family::arch:
        return "pacman -S ";
    case Family::other:
        break;
    }
    return {};
}

/// The name of the user or group in /etc/passwd or /etc/group; the number without such a line.
std::string name_in(const sys::HostFs& host, const char* file, std::uint32_t id) {
    constexpr std::size_t number = 2;
    const auto text = text_of(host, host_path(file));
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() > number && parse_number<std::uint32_t>(fields[number]) == id)
            return std::string(fields.front());
    }
    return std::to_string(id);
}

std::string unit_of(const Daemon* daemon, std::string_view service) {
    constexpr std::string_view suffix = ".service";
    auto unit = daemon != nullptr && !daemon->unit.empty() ? daemon->unit : std::string(service);
    if (unit.ends_with(suffix))
        unit.resize(unit.size() - suffix.size());
    return unit;
}

} // namespace

Family family_of(const sys::HostFs& host) {
    static constexpr std::array<std::pair<std::string_view, Family>, 9> names{
        {{"ubuntu", Family::ubuntu},
         {"debian", Family::debian},
         {"fedora", Family::fedora},
         {"rhel", Family::rhel},
         {"centos", Family::rhel},
         {"amzn", Family::rhel},
         {"suse", Family::suse},
         {"opensuse", Family::suse},
         {"arch", Family::arch}}};
    const auto words = release_value(host, "ID") + " " + release_value(host, "ID_LIKE");
    for (const auto word : split(words, ' '))
        for (const auto& [name, family] : names)
            if (word == name)
                return family;
    return Family::other;
}

Packages packages(const std::string& name) {
    return {
        .debian = name, .ubuntu = name, .fedora = name, .rhel = name, .suse = name, .arch = name};
}

Packages own_packages(const std::string& name) {
    auto out = packages(name);
    out.arch.clear();
    return out;
}

bool has_repository(const sys::HostFs& host, std::initializer_list<std::string_view> words) {
    for (const auto* const directory :
         {"/etc/yum.repos.d", "/etc/zypp/repos.d", "/etc/apt/sources.list.d",
          "/etc/apt/sources.list", "/etc/pacman.conf"}) {
        const auto place = host_path(directory);
        auto names = names_in(host, place);
        names.emplace_back(); // the path itself
        for (const auto& name : names) {
            auto text = name + "\n" + text_of(host, name.empty() ? place : place / name) + "\n";
            std::ranges::transform(text, text.begin(),
                                   [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
            const bool is_off = text.find("enabled=0") != std::string::npos
                                && text.find("enabled=1") == std::string::npos;
            if (!is_off && std::ranges::any_of(words, [&](std::string_view word) {
                    return text.find(word) != std::string::npos;
                }))
                return true;
        }
    }
    return false;
}

std::string with_program(const sys::HostFs& host, std::string_view program,
                         const Packages& packages, const std::string& command) {
    const auto names = name_for(family_of(host), packages);
    if (names.empty() || !find_program(host, program).empty())
        return command;
    return std::string(installer_of(host, family_of(host))) + std::string(names) + " && " + command;
}

std::string list_pci_command(const sys::HostFs& host) {
    return find_program(host, "lspci").empty() ? "grep -l 0x10de /sys/bus/pci/devices/*/vendor"
                                               : "lspci -nnk -d 10de:";
}

std::string page_command(Code code) {
    return "grapnel explain " + name_of(page_of(code));
}

std::string install_command(const sys::HostFs& host, const Packages& packages, Code code) {
    const auto family = family_of(host);
    const auto names = name_for(family, packages);
    return names.empty() ? page_command(code)
                         : std::string(installer_of(host, family)) + std::string(names);
}

std::string install_hook_command(const sys::HostFs& host, const HostPath& programs,
                                 const HostPath& hook) {
    const auto directory = host_path("/usr/bin");
    const bool is_of_nvidia =
        hook == directory / "nvidia-cdi-hook" || hook == directory / "nvidia-ctk";
    const auto family = family_of(host);
    if (programs != directory || !is_of_nvidia || family == Family::other || family == Family::arch)
        return {};
    return install_command(host, own_packages("grapnel-nvidia-compat"), Code::GR1103);
}

std::string reinstall_command(const sys::HostFs& host, const std::string& package, Code code) {
    switch (family_of(host)) {
    case Family::debian:
    case Family::ubuntu:
        return "apt-get install --reinstall " + package;
    case Family::fedora:
    case Family::rhel:
        return is_ostree(host) ? page_command(code) : "dnf reinstall " + package;
    case Family::suse:
        return is_transactional(host) ? page_command(code) : "zypper install --force " + package;
    case Family::arch:
        return "pacman -S " + package;
    case Family::other:
        break;
    }
    return page_command(code);
}

std::string distribution_of(const sys::HostFs& host) {
    return release_value(host, "ID");
}

std::string ubuntu_branch(const sys::HostFs& host, std::string_view driver_version) {
    const auto branch = std::string(driver_version.substr(0, driver_version.find('.')));
    const auto server = branch + "-server";
    const auto package = host_path("/usr/share/doc") / ("nvidia-kernel-common-" + server);
    return exists(host, package) ? server : branch;
}

std::string initramfs_command(const sys::HostFs& host) {
    switch (family_of(host)) {
    case Family::debian:
    case Family::ubuntu:
        return "update-initramfs -u";
    case Family::fedora:
    case Family::rhel:
    case Family::suse:
        return is_ostree(host) || is_transactional(host) ? "" : "dracut --force";
    case Family::arch:
        return "mkinitcpio -P";
    case Family::other:
        break;
    }
    return {};
}

std::string restart_command(const Facts& facts, const Daemon* daemon, std::string_view service) {
    const auto unit = unit_of(daemon, service);
    if (!has_systemd(facts))
        return find_program(facts.host, "rc-service").empty() ? "service " + unit + " restart"
                                                              : "rc-service " + unit + " restart";
    if (daemon == nullptr || daemon->user == 0)
        return "systemctl restart " + unit;
    if (daemon->user == facts.here.user)
        return "systemctl --user restart " + unit;
    return "systemctl --user --machine=" + name_in(facts.host, "/etc/passwd", daemon->user)
           + "@.host restart " + unit;
}

std::string enable_command(const Facts& facts, std::string_view unit) {
    const bool is_installed = std::ranges::any_of(
        std::array{"/lib/systemd/system", "/usr/lib/systemd/system", "/etc/systemd/system"},
        [&](const char* directory) {
            return exists(facts.host, host_path(directory) / (std::string(unit) + ".service"));
        });
    if (!has_systemd(facts) || !is_installed || distribution_of(facts.host) == "nixos")
        return {};
    return "systemctl enable --now " + std::string(unit);
}

std::string join_group_command(const Facts& facts, std::uint32_t group) {
    return "usermod -aG " + shell_word(name_in(facts.host, "/etc/group", group)) + " "
           + shell_word(name_in(facts.host, "/etc/passwd", facts.here.user));
}

std::string as_root(const Facts& facts, const std::string& command) {
    if (facts.here.user == 0 || command.starts_with("grapnel explain "))
        return command;
    if (find_program(facts.host, "sudo").empty())
        return "su -c " + shell_word(command);
    const bool is_one = command.find_first_of("&|;><") == std::string::npos;
    return is_one ? "sudo " + command : "sudo sh -c " + shell_word(command);
}

} // namespace grapnel::doctor_command
