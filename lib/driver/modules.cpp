// SPDX-License-Identifier: Apache-2.0
#include "driver/modules.hpp"

#include "driver/inventory.hpp"
#include "driver/nodes.hpp"

namespace grapnel::driver {

namespace {

class Modules {
  public:
    explicit Modules(const sys::HostFs& host) : host_(host) {}

    /// /proc/devices knows a module that is built into the kernel as well.
    bool is_loaded(std::string_view module, std::string_view sysfs_name) {
        if (host_.stat(host_path("/sys/module") / sysfs_name))
            return true;
        if (!majors_)
            majors_ = character_majors(host_);
        return majors_->contains(std::string(module));
    }

  private:
    const sys::HostFs& host_;
    std::optional<Majors> majors_ = {};
};

} // namespace

std::vector<std::string> missing_modules(const sys::HostFs& host, DriverCapabilities wanted) {
    using enum DriverCapability;
    Modules modules(host);
    std::vector<std::string> out;
    if (!host.stat(host_path("/proc/driver/nvidia/version")))
        out.emplace_back("nvidia");
    if (!(wanted & DriverCapabilities{compute, video}).empty()
        && !modules.is_loaded("nvidia-uvm", "nvidia_uvm"))
        out.emplace_back("nvidia-uvm");
    if (!(wanted & DriverCapabilities{display, graphics}).empty()
        && !modules.is_loaded("nvidia-modeset", "nvidia_modeset"))
        out.emplace_back("nvidia-modeset");
    return out;
}

bool has_use_for_modules(const sys::HostFs& host) {
    return !host.stat(host_path("/dev/dxg")) && has_nvidia_gpu(host);
}

} // namespace grapnel::driver
