// SPDX-License-Identifier: Apache-2.0
#include "plan/made_up_files.hpp"

namespace grapnel {

std::string without_device_changes(std::string params) {
    constexpr std::string_view modify_on = "ModifyDeviceFiles: 1";
    constexpr std::string_view modify_off = "ModifyDeviceFiles: 0";
    for (auto at = params.find(modify_on); at != std::string::npos;
         at = params.find(modify_on, at + modify_on.size()))
        params.replace(at, modify_on.size(), modify_off);
    return params;
}

const InsidePath& driver_proc_directory() {
    static const auto path = inside_path("/proc/driver/nvidia");
    return path;
}

const InsidePath& application_profiles() {
    static const auto path = inside_path("/etc/nvidia/nvidia-application-profiles-rc.d");
    return path;
}

std::optional<std::string> application_profile(const std::vector<std::uint32_t>& minors) {
    constexpr std::uint32_t width = 64;
    std::uint64_t mask = 0;
    for (const auto minor : minors)
        if (minor < width)
            mask |= std::uint64_t{1} << minor;
    if (mask == 0)
        return std::nullopt;
    // the driver reads a superset of JSON that has hexadecimal numbers; everybody reads these
    return "{\"profiles\": [{\"name\": \"_container_\", \"settings\": [\"EGLVisibleDGPUDevices\", "
           + std::to_string(mask)
           + "]}],\n \"rules\": [{\"pattern\": [], \"profile\": \"_container_\"}]}\n";
}

} // namespace grapnel
