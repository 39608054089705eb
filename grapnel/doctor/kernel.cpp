// SPDX-License-Identifier: Apache-2.0
// Features and sysctls of the kernel that the hook needs.
#include "base/mountinfo.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "doctor/areas.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

const auto& oldest_kernel() {
    static const Version version{{5, 6}};
    return version;
}

/// The numbers at the beginning of "6.1.0-28-amd64".
std::optional<Version> version_in(std::string_view release) {
    auto version = Version::parse(release.substr(0, release.find_first_not_of("0123456789.")));
    if (!version || version->parts.size() < 2)
        return std::nullopt;
    return version;
}

/// Distributions bring newer calls to old kernels.
void check_release(const Facts& facts, const std::string& release, std::vector<Finding>& findings) {
    const auto version = version_in(release);
    if (!facts.here.has_openat2 && version && *version < oldest_kernel())
        findings.push_back(
            {.code = Code::GR0101,
             .text = "Linux " + release + ": the kernel lacks openat2(2), which 5.6 and newer have",
             .command = "uname -r",
             .needs_root = false});
}

void check_seccomp(const sys::HostFs& host, std::vector<Finding>& findings) {
    const auto status = text_of(host, host_path("/proc/self/status"));
    if (!status.empty() && status.find("\nSeccomp:") == std::string::npos)
        findings.push_back(
            {.code = Code::GR0102,
             .text = "the kernel is built without seccomp, by which the hook confines itself",
             .command = "grep CONFIG_SECCOMP /boot/config-$(uname -r)",
             .needs_root = false});
}

void check_memfd(const sys::HostFs& host, std::vector<Finding>& findings) {
    constexpr int forbids = 2;
    if (number_of(host, host_path("/proc/sys/vm/memfd_noexec")) == forbids)
        findings.push_back({.code = Code::GR0103,
                            .text = "the sysctl vm.memfd_noexec is 2, which forbids to run "
                                    "ldconfig and grapnel-probe from memory",
                            .command = "sysctl -w vm.memfd_noexec=1"});
}

bool has_devices_controller(const MountInfo& mount) {
    return mount.type == "cgroup"
           && std::ranges::find(mount.super_options, "devices") != mount.super_options.end();
}

/// The kernel hides the instructions of a device program from everybody if both are 2. cgroup v1
/// has no device programs.
void check_hardening(const sys::HostFs& host, const std::vector<MountInfo>& mounts,
                     std::vector<Finding>& findings) {
    constexpr int hides = 2;
    if (std::ranges::none_of(mounts, has_devices_controller)
        && number_of(host, host_path("/proc/sys/net/core/bpf_jit_harden")) == hides
        && number_of(host, host_path("/proc/sys/kernel/kptr_restrict")) == hides)
        findings.push_back(
            {.code = Code::GR0104,
             .text = "the sysctls net.core.bpf_jit_harden and kernel.kptr_restrict are both 2, "
                     "which hides the device programs of containers",
             .command = "sysctl -w kernel.kptr_restrict=1"});
}

void check_mounts(const std::vector<MountInfo>& mounts, std::vector<Finding>& findings) {
    const auto dev = std::find_if(mounts.rbegin(), mounts.rend(),
                                  [](const MountInfo& mount) { return mount.point == "/dev"; });
    if (dev != mounts.rend() && std::ranges::find(dev->options, "nodev") != dev->options.end())
        findings.push_back({.code = Code::GR0105,
                            .text = "/dev is mounted nodev: no device node on it can be opened",
                            .command = "mount -o remount,dev /dev"});
    const bool has_devices = std::ranges::any_of(mounts, [](const MountInfo& mount) {
        return mount.type == "cgroup2" || has_devices_controller(mount);
    });
    if (!mounts.empty() && !has_devices)
        findings.push_back({.code = Code::GR0106,
                            .text = "/sys/fs/cgroup: neither cgroup v2 nor the devices controller "
                                    "of v1 is mounted",
                            .command = "mount -t cgroup2 none /sys/fs/cgroup"});
}

/// A container has dozens of mounts, and a mount that leaks at each start fills the table at last.
void check_mount_count(const sys::HostFs& host, std::size_t count, std::vector<Finding>& findings) {
    const auto most = number_of(host, host_path("/proc/sys/fs/mount-max"));
    if (most && *most > 0 && count * 10 >= static_cast<std::size_t>(*most) * 9)
        findings.push_back({.code = Code::GR0108,
                            .text = "this mount namespace has " + std::to_string(count)
                                    + " mounts, and the sysctl fs.mount-max allows "
                                    + std::to_string(*most)
                                    + ": a container that needs more does not start",
                            .command = "findmnt --raw --noheadings --output TARGET | sort | uniq "
                                       "--count | sort --numeric | tail",
                            .needs_root = false});
}

} // namespace

Area kernel_area(const Facts& facts) {
    const auto release = text_of(facts.host, host_path("/proc/sys/kernel/osrelease"));
    Area area{.name = "kernel", .summary = "Linux " + release};
    check_release(facts, release, area.findings);
    check_seccomp(facts.host, area.findings);
    check_memfd(facts.host, area.findings);
    const auto mounts = parse_mountinfo(text_of(facts.host, host_path("/proc/self/mountinfo")));
    check_hardening(facts.host, mounts, area.findings);
    check_mounts(mounts, area.findings);
    check_mount_count(facts.host, mounts.size(), area.findings);
    return area;
}

} // namespace grapnel::doctor_command
