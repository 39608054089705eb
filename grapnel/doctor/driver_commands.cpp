// SPDX-License-Identifier: Apache-2.0
#include "doctor/driver_commands.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

/// The packages of NVIDIA's repository, which goes before RPM Fusion's; empty without both.
std::string of_rpm(const sys::HostFs& host, const char* of_nvidia, const char* of_fusion) {
    if (has_repository(host, {"cuda-", "nvidia.com/compute/cuda", "negativo17"}))
        return of_nvidia;
    return has_repository(host, {"rpmfusion-nonfree"}) ? of_fusion : "";
}

/// The component non-free of Debian, or NVIDIA's repository.
std::string of_debian(const sys::HostFs& host, const char* names) {
    return has_repository(host, {"non-free ", "non-free\n", "nvidia.com/compute/cuda"}) ? names
                                                                                        : "";
}

/// NVIDIA's repository for openSUSE and SLE.
std::string of_suse(const sys::HostFs& host, const char* names) {
    return has_repository(host, {"nvidia"}) ? names : "";
}

/// Arch's package of the kernel that runs: "linux-lts" of 6.6.63-1-lts.
std::string arch_kernel(const sys::HostFs& host) {
    const auto release = text_of(host, host_path("/proc/sys/kernel/osrelease"));
    for (const std::string suffix : {"-lts", "-zen", "-hardened"})
        if (release.ends_with(suffix))
            return "linux" + suffix;
    return "linux";
}

/// Arch builds the module for two of its kernels.
std::string arch_driver(const sys::HostFs& host) {
    const auto kernel = arch_kernel(host);
    const std::string module = kernel == "linux"       ? "nvidia-open"
                               : kernel == "linux-lts" ? "nvidia-open-lts"
                                                       : "nvidia-open-dkms " + kernel + "-headers";
    return module + " nvidia-utils";
}

Packages driver_packages(const sys::HostFs& host) {
    const auto rpm =
        of_rpm(host, "nvidia-driver nvidia-driver-cuda", "akmod-nvidia xorg-x11-drv-nvidia-cuda");
    return {.debian = of_debian(host, "nvidia-driver"),
            .ubuntu = {},
            .fedora = rpm,
            .rhel = rpm,
            .suse = of_suse(host, "nvidia-open-driver-G06-signed-kmp-default "
                                  "nvidia-compute-utils-G06"),
            .arch = arch_driver(host)};
}

Packages cuda_packages(const sys::HostFs& host, const std::string& version) {
    const auto rpm = of_rpm(host, "nvidia-driver-cuda", "xorg-x11-drv-nvidia-cuda-libs");
    return {.debian = of_debian(host, "libcuda1"),
            .ubuntu = "libnvidia-compute-" + ubuntu_branch(host, version),
            .fedora = rpm,
            .rhel = rpm,
            .suse = of_suse(host, "nvidia-compute-G06"),
            .arch = "nvidia-utils"};
}

Packages tool_packages(const sys::HostFs& host, const std::string& version) {
    const auto branch = ubuntu_branch(host, version);
    const auto rpm = of_rpm(host, "nvidia-driver-cuda", "xorg-x11-drv-nvidia-cuda");
    return {.debian = of_debian(host, "nvidia-smi libnvidia-ml1"),
            .ubuntu = "nvidia-utils-" + branch + " libnvidia-compute-" + branch,
            .fedora = rpm,
            .rhel = rpm,
            .suse = of_suse(host, "nvidia-compute-utils-G06"),
            .arch = "nvidia-utils"};
}

Packages firmware_packages(const sys::HostFs& host, const std::string& version) {
    const auto rpm = of_rpm(host, "nvidia-kmod-common", "xorg-x11-drv-nvidia");
    return {.debian = has_repository(host, {"non-free"}) ? "firmware-nvidia-gsp" : "",
            .ubuntu = "nvidia-firmware-" + ubuntu_branch(host, version) + "-" + version,
            .fedora = rpm,
            .rhel = rpm,
            .suse = "kernel-firmware-nvidia-gspx-G06",
            .arch = "nvidia-utils"};
}

/// A module is built with the headers of its kernel. Empty: they are there, or no package is known;
/// else it ends with " && ".
std::string install_headers_command(const sys::HostFs& host, const std::string& release) {
    if (!is_plain_name(release) || exists(host, host_path("/lib/modules") / release / "build"))
        return {};
    const Packages headers{.debian = "linux-headers-" + release,
                           .ubuntu = "linux-headers-" + release,
                           .fedora = "kernel-devel-" + release,
                           .rhel = "kernel-devel-" + release,
                           .suse = {},
                           .arch = arch_kernel(host) + "-headers"};
    const auto install = install_command(host, headers, Code::GR0203);
    return install == page_command(Code::GR0203) ? std::string() : install + " && ";
}

/// The option without the module; empty if it names no other module.
std::string without_module(std::string_view option) {
    const auto equals = option.find('=');
    std::string names;
    for (const auto name : split(option.substr(equals + 1), ','))
        if (!name.empty() && name != "nvidia")
            names += (names.empty() ? "" : ",") + std::string(name);
    return names.empty() ? std::string() : std::string(option.substr(0, equals + 1)) + names;
}

} // namespace

std::string install_driver_command(const sys::HostFs& host) {
    if (family_of(host) != Family::ubuntu)
        return install_command(host, driver_packages(host), Code::GR0202);
    const std::string install = "ubuntu-drivers install";
    return find_program(host, "ubuntu-drivers").empty()
               ? "apt-get install ubuntu-drivers-common && " + install
               : install;
}

std::string build_module_command(const sys::HostFs& host, const std::string& release) {
    const auto load = std::string(" && modprobe nvidia");
    const auto headers = install_headers_command(host, release);
    if (!find_program(host, "dkms").empty())
        return headers + "dkms autoinstall" + load;
    if (!find_program(host, "akmods").empty())
        return headers + "akmods --force --kernels " + shell_word(release) + load;
    return install_driver_command(host);
}

std::string other_driver_command(const sys::HostFs& host, const std::string& reason) {
    const bool needs_open = reason.find("requires use of the NVIDIA open") != std::string::npos;
    const bool is_proprietary = reason.find("not supported by open") != std::string::npos;
    if (family_of(host) == Family::ubuntu)
        return install_driver_command(host) + " && reboot";
    if (!needs_open && !is_proprietary)
        return page_command(Code::GR0414);
    const Packages names{
        .debian = of_debian(host, needs_open ? "nvidia-open-kernel-dkms" : "nvidia-kernel-dkms"),
        .ubuntu = {},
        .fedora = {},
        .rhel = {},
        .suse = {},
        .arch = {}};
    const auto install = install_command(host, names, Code::GR0414);
    return install == page_command(Code::GR0414) ? install : install + " && reboot";
}

std::string enroll_key_command(const sys::HostFs& host) {
    for (const auto* const key : {"/var/lib/shim-signed/mok/MOK.der", "/var/lib/dkms/mok.pub",
                                  "/etc/pki/akmods/certs/public_key.der"})
        if (exists(host, host_path(key)))
            return "mokutil --import " + std::string(key);
    const auto of_suse = host_path("/var/lib/nvidia-pubkeys");
    for (const auto& name : names_in(host, of_suse))
        if (name.ends_with(".der"))
            return "mokutil --import " + shell_word((of_suse / name).text());
    return page_command(Code::GR0107);
}

std::string replace_option_command(const sys::HostFs& host, const std::string& option) {
    const auto rest = without_module(option);
    if (!find_program(host, "grubby").empty())
        return "grubby --update-kernel=ALL --remove-args=" + shell_word(option)
               + (rest.empty() ? "" : " --args=" + shell_word(rest)) + " && reboot";
    if (exists(host, host_path("/run/ostree-booted")))
        return "rpm-ostree kargs --delete=" + shell_word(option)
               + (rest.empty() ? "" : " --append=" + shell_word(rest)) + " && reboot";
    const auto file = host_path("/etc/default/grub");
    const bool is_plain = option.find_first_of("/&\\'.*[]^$") == std::string::npos;
    if (!exists(host, file) || !is_plain)
        return page_command(Code::GR0215);
    std::string update = "grub-mkconfig -o /boot/grub/grub.cfg";
    if (!find_program(host, "update-grub").empty())
        update = "update-grub";
    else if (!find_program(host, "grub2-mkconfig").empty())
        update = "grub2-mkconfig -o /boot/grub2/grub.cfg";
    return "sed -i " + shell_word("s/" + option + "/" + rest + "/") + " " + file.text() + " && "
           + update + " && reboot";
}

std::vector<std::string> ldconfig_words(const Facts& facts) {
    std::vector<std::string> out{"/sbin/ldconfig"};
    const auto& settings = facts.settings.settings;
    if (settings.driver_root != host_path("/"))
        out.insert(out.end(), {"-r", settings.driver_root.text()});
    if (settings.ldcache_file != host_path("/etc/ld.so.cache"))
        out.insert(out.end(), {"-C", settings.ldcache_file.text()});
    return out;
}

std::string ldconfig_command(const Facts& facts) {
    std::string out = "ldconfig";
    const auto words = ldconfig_words(facts);
    for (auto word = std::next(words.begin()); word != words.end(); ++word)
        out += " " + shell_word(*word);
    return out;
}

std::string install_cuda_command(const sys::HostFs& host, const std::string& version) {
    return install_command(host, cuda_packages(host, version), Code::GR0209);
}

std::string install_tools_command(const sys::HostFs& host, const std::string& version) {
    return install_command(host, tool_packages(host, version), Code::GR0210);
}

std::string install_32bit_command(const sys::HostFs& host, const std::string& version) {
    const auto branch = ubuntu_branch(host, version);
    const auto rpm = of_rpm(host, "nvidia-driver-libs.i686 nvidia-driver-cuda-libs.i686",
                            "xorg-x11-drv-nvidia-libs.i686 xorg-x11-drv-nvidia-cuda-libs.i686");
    const Packages names{
        .debian = of_debian(host, "libcuda1:i386 nvidia-driver-libs:i386"),
        .ubuntu = "libnvidia-compute-" + branch + ":i386 libnvidia-gl-" + branch + ":i386",
        .fedora = rpm,
        .rhel = rpm,
        .suse = of_suse(host, "nvidia-compute-G06-32bit nvidia-gl-G06-32bit"),
        .arch = has_repository(host, {"\n[multilib]"}) ? "lib32-nvidia-utils" : ""};
    const auto install = install_command(host, names, Code::GR1308);
    return install.starts_with("apt-get ")
               ? "dpkg --add-architecture i386 && apt-get update && " + install
               : install;
}

std::string install_firmware_command(const sys::HostFs& host, const std::string& version) {
    return install_command(host, firmware_packages(host, version), Code::GR0216);
}

} // namespace grapnel::doctor_command
