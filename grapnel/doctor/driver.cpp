// SPDX-License-Identifier: Apache-2.0
// The driver: its kernel module, and libraries of the same version.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/libraries.hpp"
#include "doctor/pci.hpp"
#include "doctor/shell.hpp"
#include "driver/inventory.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace grapnel::doctor_command {

namespace {

const HostPath& modules_directory() {
    static const auto path = host_path("/lib/modules");
    return path;
}

/// Whether the nvidia module, under any of its names, is installed for that kernel.
bool has_module(const sys::HostFs& host, const std::string& release) {
    const auto file = host.map(modules_directory() / release / "modules.dep");
    if (!file)
        return false;
    return std::ranges::any_of(split(file->bytes(), '\n'), [](std::string_view line) {
        const auto path = line.substr(0, line.find(':'));
        const auto name = path.substr(path.rfind('/') + 1);
        return name.starts_with("nvidia.ko") || name.starts_with("nvidia-current.ko");
    });
}

bool has_module_of_another_kernel(const sys::HostFs& host) {
    return std::ranges::any_of(names_in(host, modules_directory()),
                               [&](const auto& release) { return has_module(host, release); });
}

/// The kernel refuses a module without a signature that it knows where Secure Boot is on.
bool is_refused_by_secure_boot(const Facts& facts) {
    const auto lockdown = text_of(facts.host, host_path("/sys/kernel/security/lockdown"));
    const bool is_locked = !lockdown.empty() && lockdown.find("[none]") == std::string::npos;
    return is_locked || std::ranges::any_of(facts.here.kernel_log, [](const std::string& line) {
               return line.find("nvidia") != std::string::npos
                      && (line.find("unsigned module is rejected") != std::string::npos
                          || line.find("Key was rejected") != std::string::npos);
           });
}

/// A line of modprobe.d(5) that keeps the module from being loaded. Packages of drivers have
/// install lines too, which call modprobe.
bool forbids_module(std::string_view line) {
    std::string text(trim(line));
    std::ranges::replace(text, '\t', ' ');
    std::vector<std::string_view> words;
    for (const auto word : split(text, ' '))
        if (!word.empty())
            words.push_back(word);
    if (words.size() < 2 || words[1] != "nvidia")
        return false;
    const auto program = words.size() > 2 ? words[2].substr(words[2].rfind('/') + 1) : "";
    return words[0] == "blacklist"
           || (words[0] == "install" && (program == "false" || program == "true"));
}

/// The file that forbids the nvidia module, or an empty path. A file hides files of the same name
/// in later directories.
HostPath file_that_forbids_module(const sys::HostFs& host) {
    std::set<std::string> seen;
    for (const auto* const directory :
         {"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d",
          "/lib/modprobe.d"})
        for (const auto& name : names_in(host, host_path(directory))) {
            auto path = host_path(directory) / name;
            if (name.ends_with(".conf") && seen.insert(name).second
                && std::ranges::any_of(split(text_of(host, path), '\n'), forbids_module))
                return path;
        }
    return {};
}

/// module_blacklist=nvidia,NAME: the kernel refuses the module whatever loads it. Empty: the kernel
/// command line does not forbid it.
std::string forbidding_option(const sys::HostFs& host) {
    constexpr std::string_view option = "module_blacklist=";
    const auto line = text_of(host, host_path("/proc/cmdline"));
    for (const auto word : split(line, ' ')) {
        if (!word.starts_with(option))
            continue;
        const auto names = split(word.substr(option.size()), ',');
        if (std::ranges::find(names, "nvidia") != names.end())
            return std::string(word);
    }
    return {};
}

/// Why `modprobe nvidia` would fail, or be undone by the next boot.
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
                               + ", so the kernel refuses the nvidia module",
                       .command = replace_option_command(facts.host, option)};
    const auto file = file_that_forbids_module(facts.host);
    if (file.empty())
        return std::nullopt;
    return Finding{.code = Code::GR0215,
                   .text = file.text() + " keeps the nvidia module from being loaded",
                   .command = R"(sed -i '/^\s*\(blacklist\|install\)\s\+nvidia\(\s\|$\)/s/^/#/' )"
                              + shell_word(file.text()) + " && modprobe nvidia"};
}

/// GPUs with a GPU System Processor need its firmware, which is a part of the driver.
std::optional<Finding> missing_firmware(const Facts& facts, const std::string& version) {
    const auto start = "Direct firmware load for nvidia/" + version + "/";
    for (const auto& line : facts.here.kernel_log) {
        const auto at = line.find(start);
        if (at == std::string::npos || line.find(" failed", at) == std::string::npos)
            continue;
        const auto rest = std::string_view(line).substr(at + start.size());
        const auto name = rest.substr(0, rest.find(' '));
        const auto path = host_path("/lib/firmware/nvidia") / version;
        if (is_plain_name(name) && !exists(facts.host, path / name))
            return Finding{.code = Code::GR0216,
                           .text = (path / name).text()
                                   + ": the driver's firmware is missing, without which the GPU "
                                     "is not initialised",
                           .command = install_firmware_command(facts.host, version)};
    }
    return std::nullopt;
}

Finding not_loaded(const Facts& facts, const std::vector<PciGpu>& gpus) {
    const auto release = text_of(facts.host, host_path("/proc/sys/kernel/osrelease"));
    const std::string cause = "the NVIDIA driver is not loaded (no /proc/driver/nvidia/version)";
    if (gpus.empty())
        return {.code = Code::GR0204,
                .text = cause + ", and the PCI bus shows no NVIDIA GPU",
                .command = "lspci -nnk -d 10de:",
                .needs_root = false};
    const bool is_installed = is_valid_release(release) && has_module(facts.host, release);
    if (is_installed && is_refused_by_secure_boot(facts))
        return {.code = Code::GR0107,
                .text = "Secure Boot: the kernel loads signed modules alone, and the nvidia module "
                        "is not loaded",
                .command = enroll_key_command(facts.host)};
    if (auto forbidden = is_installed ? forbidden_module(facts) : std::nullopt)
        return std::move(*forbidden);
    if (is_installed)
        return {.code = Code::GR0201,
                .text = cause,
                .command = "modprobe nvidia",
                .fix = {.words = {"/sbin/modprobe", "nvidia"}}};
    if (has_module_of_another_kernel(facts.host))
        return {.code = Code::GR0203,
                .text = "the NVIDIA driver is installed, but its module is not built for Linux "
                        + release,
                .command = build_module_command(facts.host, release)};
    return {.code = Code::GR0202,
            .text = cause + ": it is not installed",
            .command = install_driver_command(facts.host)};
}

/// GPUs that another driver holds are the subject of another area.
bool are_held_by_others(const std::vector<PciGpu>& gpus) {
    return !gpus.empty() && std::ranges::all_of(gpus, [](const auto& gpu) {
        return !gpu.driver.empty() && gpu.driver != "nvidia";
    });
}

Finding without_libraries(const Facts& facts, const std::string& version) {
    const auto& cache = facts.settings.settings.ldcache_file.text();
    const auto found = look_for_libraries(facts, version);
    if (!found.versions.empty() && !found.is_installed)
        return {.code = Code::GR0205,
                .text = "driver " + version + " is loaded but the libraries are "
                        + enumerate({found.versions.begin(), found.versions.end()}),
                .command = "reboot"};
    if (found.is_stale())
        return {.code = Code::GR0206,
                .text = cache + " is stale: " + found.stale_reason
                        + ", and the libraries of driver " + version + " are found nowhere else",
                .command = ldconfig_command(facts),
                .fix = {.words = ldconfig_words(facts)}};
    return {.code = Code::GR0208,
            .text = "driver " + version + " is loaded but its libraries (libcuda.so." + version
                    + ") were not found: they are not installed, or in no directory that " + cache
                    + " names",
            .command = "find / -xdev -name " + shell_word("libcuda.so." + version),
            .needs_root = false};
}

void check_libraries(const Facts& facts, const Inventory& inventory,
                     std::vector<Finding>& findings) {
    const auto& version = inventory.driver_version;
    const auto found = look_for_libraries(facts, version);
    if (found.is_stale())
        findings.push_back({.code = Code::GR0207,
                            .text = facts.settings.settings.ldcache_file.text()
                                    + " is stale: " + found.stale_reason,
                            .command = ldconfig_command(facts),
                            .fix = {.words = ldconfig_words(facts)}});
    const auto lacks = [&](std::string_view name) {
        return std::ranges::none_of(inventory.libraries, [&](const Library& library) {
            return !library.is_32bit && library.path.name().starts_with(name);
        });
    };
    if (lacks("libcuda.so."))
        findings.push_back(
            {.code = Code::GR0209,
             .text = "libcuda.so." + version + ": the driver is installed without CUDA",
             .command = install_cuda_command(facts.host, version)});
    if (lacks("libnvidia-ml.so."))
        findings.push_back(
            {.code = Code::GR0210,
             .text = "libnvidia-ml.so." + version + ": the driver is installed without its tools",
             .command = install_tools_command(facts.host, version)});
    for (const auto& path : found.empty_files)
        findings.push_back({.code = Code::GR0211,
                            .text = path.text()
                                    + " is an empty file: another tool left it, or an "
                                      "installation broke off",
                            .command = "rm " + shell_word(path.text())});
}

void check_loaded(const Facts& facts, const std::string& version, Area& area) {
    area.summary = version;
    if (auto missing = missing_firmware(facts, version))
        area.findings.push_back(std::move(*missing));
    if (facts.inventory) {
        if (facts.inventory->cuda_version)
            area.summary += ", CUDA " + *facts.inventory->cuda_version;
        check_libraries(facts, *facts.inventory, area.findings);
    } else if (facts.inventory.error().subject == Error::Subject::driver) {
        area.findings.push_back(without_libraries(facts, version));
    } else {
        area.findings.push_back(unusable_driver(facts.inventory.error()));
    }
}

void check_root(const Facts& facts, Area& area) {
    const auto& root = facts.settings.settings.driver_root.text();
    area.summary = root;
    area.findings.push_back({.code = Code::GR0212,
                             .text = root + ": the driver root of the settings is not there",
                             .command = "grapnel config set nvidia-container-cli.root /"});
}

} // namespace

Area driver_area(const Facts& facts) {
    Area area{.name = "driver"};
    if (facts.root_fault) {
        check_root(facts, area);
        return area;
    }
    if (facts.inventory && facts.inventory->pass_through) {
        area.summary = "of " + facts.inventory->pass_through->platform;
        return area;
    }
    if (lacks_csv_lists(facts)) // a mistake in the settings
        return area;
    const auto branch = driver_branch(facts.host);
    const auto gpus = pci_gpus(facts.host);
    if (branch)
        check_loaded(facts, branch->driver_version, area);
    else if (is_special_platform(facts))
        area.findings.push_back(unusable_driver(facts.inventory.error()));
    else if (are_held_by_others(gpus))
        area.summary = "not loaded";
    else
        area.findings.push_back(not_loaded(facts, gpus));
    return area;
}

} // namespace grapnel::doctor_command
