// SPDX-License-Identifier: Apache-2.0
#include "doctor/modules.hpp"

#include "base/text.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <set>

namespace grapnel::doctor_command {

namespace {

const HostPath& modules_directory() {
    static const auto path = host_path("/lib/modules");
    return path;
}

/// "nvidia-uvm" of kernel/nvidia-550/nvidia-uvm.ko.zst and of nvidia-current-uvm.ko, Debian's.
std::string module_name(std::string_view path) {
    constexpr std::string_view of_debian = "nvidia-current";
    auto name = std::string(path.substr(path.rfind('/') + 1));
    name.resize(std::min(name.find(".ko"), name.size()));
    return name.starts_with(of_debian) ? "nvidia" + name.substr(of_debian.size()) : name;
}

/// The module in modules.dep(5) of that kernel; empty: it is not installed.
HostPath module_file(const sys::HostFs& host, const std::string& release, std::string_view name) {
    const auto directory = modules_directory() / release;
    const auto file = host.map(directory / "modules.dep");
    for (const auto line : split(file ? file->bytes() : std::string_view(), '\n')) {
        const auto path = line.substr(0, line.find(':'));
        if (module_name(path) != name)
            continue;
        if (path.starts_with('/'))
            return HostPath::make(path).value_or(directory);
        return HostPath::make(directory.text() + "/" + std::string(path)).value_or(directory);
    }
    return {};
}

/// The kernel's own lines name no module.
bool is_rejection(const std::string& line) {
    return (line.find("oading of ") != std::string::npos
            && line.find(" is rejected") != std::string::npos)
           || line.find("module loading is restricted") != std::string::npos
           || (line.find("nvidia") != std::string::npos
               && line.find("Key was rejected") != std::string::npos);
}

/// Whether the kernel takes signed modules alone.
bool needs_signatures(const sys::HostFs& host) {
    const auto lockdown = text_of(host, host_path("/sys/kernel/security/lockdown"));
    return (!lockdown.empty() && lockdown.find("[none]") == std::string::npos)
           || text_of(host, host_path("/sys/module/module/parameters/sig_enforce")) == "Y";
}

/// By the end of the file; false for a compressed one.
bool is_signed(const sys::HostFs& host, const HostPath& path) {
    const auto file = host.map(path);
    return file && file->bytes().ends_with("~Module signature appended~\n");
}

/// The words of a line of modprobe.d(5). Names of modules have an underscore for each hyphen.
std::vector<std::string> modprobe_words(std::string_view line) {
    std::string text(trim(line));
    std::ranges::replace(text, '\t', ' ');
    std::vector<std::string> words;
    for (const auto word : split(text, ' '))
        if (!word.empty())
            words.emplace_back(word);
    if (words.size() > 1)
        std::ranges::replace(words[1], '-', '_');
    return words;
}

/// `install MODULE /bin/false`. Packages of drivers have install lines too, which call modprobe.
bool replaces_module(const std::vector<std::string>& words, std::string_view module) {
    if (words.size() < 3 || words[0] != "install" || words[1] != module)
        return false;
    const auto program = words[2].substr(words[2].rfind('/') + 1);
    return program == "false" || program == "true";
}

/// A line that keeps the module from being loaded. `alias nvidia off` is of Ubuntu's prime-select.
bool forbids_module(std::string_view line) {
    const auto words = modprobe_words(line);
    if (words.size() < 2 || words[1] != "nvidia")
        return false;
    return words[0] == "blacklist" || replaces_module(words, "nvidia")
           || (words[0] == "alias" && words.size() > 2 && words[2] == "off");
}

/// The first file of modprobe.d(5) with such a line, or an empty path. A file hides files of the
/// same name in later directories.
template <typename IsMeant>
HostPath modprobe_file_with(const sys::HostFs& host, IsMeant is_meant) {
    std::set<std::string> seen;
    for (const auto* const directory :
         {"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
          "/lib/modprobe.d"})
        for (const auto& name : names_in(host, host_path(directory))) {
            auto path = host_path(directory) / name;
            if (name.ends_with(".conf") && seen.insert(name).second
                && std::ranges::any_of(split(text_of(host, path), '\n'), is_meant))
                return path;
        }
    return {};
}

/// module_blacklist=nvidia,NAME: the kernel refuses the module whatever loads it. By
/// modprobe.blacklist udev does not load it. Empty: the kernel command line does not forbid it.
std::string forbidding_option(const sys::HostFs& host) {
    const auto line = text_of(host, host_path("/proc/cmdline"));
    for (const auto word : split(line, ' ')) {
        const auto equals = std::min(word.find('='), word.size());
        const auto option = word.substr(0, equals);
        if (option != "module_blacklist" && option != "modprobe.blacklist")
            continue;
        const auto names = split(word.substr(std::min(equals + 1, word.size())), ',');
        if (std::ranges::find(names, "nvidia") != names.end())
            return std::string(word);
    }
    return {};
}

/// The log of the last build by DKMS that failed; empty without one.
HostPath failed_build(const sys::HostFs& host) {
    const auto trees = host_path("/var/lib/dkms");
    for (const auto& tree : names_in(host, trees))
        for (const auto& version :
             tree.starts_with("nvidia") ? names_in(host, trees / tree) : std::vector<std::string>())
            if (auto log = trees / tree / version / "build" / "make.log"; exists(host, log))
                return log;
    return {};
}

} // namespace

bool has_module(const sys::HostFs& host, const std::string& release, std::string_view name) {
    return is_plain_name(release) && !module_file(host, release, name).empty();
}

bool has_module_of_another_kernel(const sys::HostFs& host) {
    return std::ranges::any_of(names_in(host, modules_directory()), [&](const auto& release) {
        return has_module(host, release, "nvidia");
    });
}

bool has_module_source(const sys::HostFs& host) {
    const auto has = [&](const char* directory, std::string_view start) {
        return std::ranges::any_of(names_in(host, host_path(directory)),
                                   [&](const auto& name) { return name.starts_with(start); });
    };
    return has("/var/lib/dkms", "nvidia") || has("/usr/src/akmods", "nvidia-kmod");
}

bool is_rejected_by_kernel(const Facts& facts) {
    return std::ranges::any_of(facts.here.kernel_log, is_rejection);
}

std::string mismatch_in_log(const Facts& facts) {
    for (const auto& line : facts.here.kernel_log)
        for (const auto* const reason :
             {"version magic", "Unknown symbol", "disagrees about version of symbol"})
            if (line.find("nvidia: ") != std::string::npos
                && line.find(reason) != std::string::npos)
                return line;
    return {};
}

bool lacks_signature(const sys::HostFs& host, const std::string& release) {
    return needs_signatures(host) && !is_signed(host, module_file(host, release, "nvidia"));
}

bool was_installed_before_boot(const Facts& facts, const std::string& release) {
    const auto file = facts.host.stat(module_file(facts.host, release, "nvidia"));
    const auto boot = boot_time(facts.host);
    return file && boot > 0 && file->changed_ns / 1'000'000'000 < boot;
}

std::optional<Finding> forbidden_module(const Facts& facts) {
    if (number_of(facts.host, host_path("/proc/sys/kernel/modules_disabled")) == 1)
        return Finding{.code = Code::GR0214,
                       .text = "the nvidia module is not loaded, and the sysctl "
                               "kernel.modules_disabled is 1: no module can be loaded until the "
                               "next boot",
                       .command = "reboot"};
    if (const auto option = forbidding_option(facts.host); !option.empty())
        return Finding{.code = Code::GR0215,
                       .text = "the kernel command line has " + option
                               + ", which keeps the nvidia module from being loaded",
                       .command = replace_option_command(facts.host, option)};
    const auto file = modprobe_file_with(facts.host, forbids_module);
    if (file.empty())
        return std::nullopt;
    return Finding{.code = Code::GR0215,
                   .text = file.text() + " keeps the nvidia module from being loaded",
                   .command =
                       R"(sed -i '/^\s*\(blacklist\|install\|alias\)\s\+nvidia\(\s\|$\)/s/^/#/' )"
                       + shell_word(file.text()) + " && modprobe nvidia"};
}

HostPath file_that_replaces_uvm(const sys::HostFs& host) {
    return modprobe_file_with(host, [](std::string_view line) {
        return replaces_module(modprobe_words(line), "nvidia_uvm");
    });
}

HostPath file_with_option(const sys::HostFs& host, std::string_view option) {
    return modprobe_file_with(host, [&](std::string_view line) {
        return trim(line).starts_with("options") && line.find(option) != std::string_view::npos;
    });
}

Finding module_not_built(const Facts& facts, const std::string& release) {
    const auto& host = facts.host;
    const auto directory = modules_directory() / release;
    const bool is_replaced = !exists(host, directory) && has_module_of_another_kernel(host);
    const auto log = failed_build(host);
    const std::string reason =
        is_replaced   ? ": " + directory.text() + " is missing, the kernel's package was replaced"
        : log.empty() ? ""
                      : ": the build failed, see " + log.text();
    return {.code = Code::GR0203,
            .text = "the NVIDIA driver is installed, but its module is not built for Linux "
                    + release + reason,
            .command = is_replaced ? "reboot" : build_module_command(host, release)};
}

} // namespace grapnel::doctor_command
