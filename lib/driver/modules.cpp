// SPDX-License-Identifier: Apache-2.0
#include "driver/modules.hpp"

#include "driver/parts.hpp"

namespace grapnel::driver {

namespace {

/// /proc/devices knows a module that is built into the kernel as well.
bool is_loaded(const sys::HostFs& host, std::string_view module, std::string_view sysfs_name) {
    return host.stat(host_path("/sys/module") / sysfs_name).has_value()
           || character_majors(host).contains(std::string(module));
}

} // namespace

std::vector<std::string> missing_modules(const sys::HostFs& host, DriverCapabilities wanted) {
    using enum DriverCapability;
    std::vector<std::string> out;
    if (!host.stat(host_path("/proc/driver/nvidia/version")))
        out.emplace_back("nvidia");
    if (!(wanted & DriverCapabilities{compute, video}).empty()
        && !is_loaded(host, "nvidia-uvm", "nvidia_uvm"))
        out.emplace_back("nvidia-uvm");
    if (!(wanted & DriverCapabilities{display, graphics}).empty()
        && !is_loaded(host, "nvidia-modeset", "nvidia_modeset"))
        out.emplace_back("nvidia-modeset");
    return out;
}

bool has_use_for_modules(const sys::HostFs& host) {
    return !host.stat(host_path("/dev/dxg")) && has_nvidia_gpu(host);
}

} // namespace grapnel::driver
