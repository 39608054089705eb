// SPDX-License-Identifier: Apache-2.0
// The driver: its kernel module, and libraries of the same version.
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/driver_commands.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/libraries.hpp"
#include "doctor/modules.hpp"
#include "doctor/pci.hpp"
#include "doctor/shell.hpp"
#include "driver/inventory.hpp"

#include <algorithm>
#include <string>

namespace grapnel::doctor_command {

namespace {

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

/// Its kernel has no nvidia module: the GPU is Windows' own, and seen through /dev/dxg.
bool is_wsl_without_gpu(const sys::HostFs& host) {
    return text_of(host, host_path("/proc/sys/kernel/osrelease")).find("microsoft")
               != std::string::npos
           && pci_gpus(host).empty() && !exists(host, host_path("/dev/dxg"));
}

Finding not_loaded(const Facts& facts, const std::vector<PciGpu>& gpus) {
    const auto release = text_of(facts.host, host_path("/proc/sys/kernel/osrelease"));
    const std::string cause = "the NVIDIA driver is not loaded (no /proc/driver/nvidia/version)";
    if (gpus.empty())
        return {.code = Code::GR0204,
                .text = cause + ", and the PCI bus shows no NVIDIA GPU",
                .command = list_pci_command(facts.host),
                .needs_root = false};
    const bool is_installed = has_module(facts.host, release, "nvidia");
    Finding unsigned_module{
        .code = Code::GR0107,
        .text = "Secure Boot: the kernel loads signed modules alone, and the nvidia module is not "
                "loaded",
        .command = enroll_key_command(facts.host)};
    if (is_installed && is_rejected_by_kernel(facts))
        return unsigned_module;
    if (auto forbidden = is_installed ? forbidden_module(facts) : std::nullopt)
        return std::move(*forbidden);
    if (is_installed && lacks_signature(facts.host, release))
        return unsigned_module;
    if (const auto line = is_installed ? mismatch_in_log(facts) : std::string(); !line.empty())
        return {.code = Code::GR0203,
                .text = "the nvidia module was built for another kernel than Linux " + release
                        + ": " + line,
                .command = build_module_command(facts.host, release)};
    if (is_installed)
        return {.code = Code::GR0201,
                .text = cause,
                .command = "modprobe nvidia",
                .fix = {.words = {"/sbin/modprobe", "nvidia"}}};
    if (has_module_of_another_kernel(facts.host) || has_module_source(facts.host))
        return module_not_built(facts, release);
    const auto libraries = look_for_libraries(facts, "").versions;
    return {.code = Code::GR0202,
            .text = cause + ": it is not installed"
                    + (libraries.empty() ? "" : ", apart from libraries of " + *libraries.begin()),
            .command = install_driver_command(facts.host)};
}

/// GPUs that another driver holds are the subject of another area.
bool are_held_by_others(const std::vector<PciGpu>& gpus) {
    return !gpus.empty() && std::ranges::all_of(gpus, [](const auto& gpu) {
        return !gpu.driver.empty() && gpu.driver != "nvidia";
    });
}

/// A reboot loads the old module again where the initramfs holds it.
Finding wrong_version(const Facts& facts, const std::string& version,
                      const std::vector<std::string>& others) {
    const auto release = text_of(facts.host, host_path("/proc/sys/kernel/osrelease"));
    const auto initramfs = initramfs_command(facts.host);
    const bool is_old = !initramfs.empty() && was_installed_before_boot(facts, release);
    return {.code = Code::GR0205,
            .text = "driver " + version + " is loaded but the libraries are " + enumerate(others)
                    + (is_old ? ": the initramfs can hold the old module" : ""),
            .command = is_old ? initramfs + " && reboot" : "reboot"};
}

/// The command keeps the directories that the setting names.
Finding libraries_elsewhere(const Facts& facts, const std::string& version,
                            const HostPath& directory) {
    std::string list;
    for (const auto& known : facts.settings.settings.library_search_path)
        list += known.text() + ",";
    return {.code = Code::GR0208,
            .text = "driver " + version + " is loaded but its libraries are in " + directory.text()
                    + ", which neither " + facts.settings.settings.ldcache_file.text()
                    + " nor library-search-path of the settings names",
            .command =
                "grapnel config set library-search-path " + shell_word(list + directory.text())};
}

Finding without_libraries(const Facts& facts, const std::string& version) {
    const auto& cache = facts.settings.settings.ldcache_file.text();
    const auto found = look_for_libraries(facts, version);
    const auto elsewhere = find_driver_elsewhere(facts, version);
    if (!found.versions.empty() && !found.is_installed && elsewhere.empty())
        return wrong_version(facts, version, {found.versions.begin(), found.versions.end()});
    if (found.is_stale())
        return {.code = Code::GR0206,
                .text = cache + " is stale: " + found.stale_reason
                        + ", and the libraries of driver " + version + " are found nowhere else",
                .command = ldconfig_command(facts),
                .fix = {.words = ldconfig_words(facts)}};
    if (!exists(facts.driver_host(), facts.settings.settings.ldcache_file)
        && !names_in(facts.driver_host(), host_path("/etc/ld.so.conf.d")).empty())
        return {.code = Code::GR0206,
                .text = cache + " is missing, and the libraries of driver " + version
                        + " are in no usual directory",
                .command = ldconfig_command(facts),
                .fix = {.words = ldconfig_words(facts)}};
    if (!elsewhere.empty())
        return libraries_elsewhere(facts, version, elsewhere);
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
    if (!found.stub.empty())
        findings.push_back(stub_in_cache(facts, found.stub));
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

/// The mounts of a container keep the option, and the loader maps no library of such a mount.
void check_mounts(const Facts& facts, const Inventory& inventory, std::vector<Finding>& findings) {
    const auto mounts = parse_mountinfo(text_of(facts.host, host_path("/proc/self/mountinfo")));
    for (const auto& library : inventory.libraries) {
        auto path = library.path;
        if (facts.rooted)
            path = facts.rooted->place(path, false).value_or(path);
        const auto* const mount = mount_of(mounts, facts.host.resolve(path).value_or(path));
        if (mount == nullptr || std::ranges::find(mount->options, "noexec") == mount->options.end())
            continue;
        findings.push_back({.code = Code::GR0217,
                            .text = path.text() + ": " + mount->point
                                    + " is mounted noexec, so no program can load the driver",
                            .command = "mount -o remount,exec " + shell_word(mount->point)});
        return;
    }
}

void check_loaded(const Facts& facts, const std::string& version, Area& area) {
    area.summary = version;
    if (auto missing = missing_firmware(facts, version))
        area.findings.push_back(std::move(*missing));
    if (facts.inventory) {
        if (facts.inventory->cuda_version)
            area.summary += ", CUDA " + *facts.inventory->cuda_version;
        check_libraries(facts, *facts.inventory, area.findings);
        check_mounts(facts, *facts.inventory, area.findings);
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
    else if (is_wsl_without_gpu(facts.host))
        area.findings.push_back({.code = Code::GR0218,
                                 .text = "/dev/dxg is missing: Windows gives this WSL no GPU",
                                 .command = "wsl.exe --update && wsl.exe --shutdown",
                                 .needs_root = false});
    else if (are_held_by_others(gpus))
        area.summary = "not loaded";
    else
        area.findings.push_back(not_loaded(facts, gpus));
    return area;
}

} // namespace grapnel::doctor_command
