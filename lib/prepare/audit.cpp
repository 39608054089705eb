// SPDX-License-Identifier: Apache-2.0
#include "prepare/audit.hpp"

#include "base/format.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

std::string gpus_of(const Plan& plan) {
    std::string out;
    for (const auto& gpu : plan.gpus) {
        if (gpu.mig_devices.empty())
            out += format_text("{}{} ({})", out.empty() ? "" : ", ", gpu.index, gpu.uuid);
        for (const auto& device : gpu.mig_devices)
            out += format_text("{}{}:{} ({})", out.empty() ? "" : ", ", gpu.index, device.index,
                               device.uuid.empty() ? gpu.uuid : device.uuid);
    }
    return out.empty() ? "no GPU" : "GPU " + out;
}

} // namespace

std::string describe_start(const Plan& plan, std::string_view reason) {
    const auto capabilities = plan.driver_capabilities.names();
    return format_text(
        "has {} of driver {} with {}, asked for by {}", gpus_of(plan), plan.driver_version,
        capabilities.empty() ? "no driver capability" : enumerate(capabilities), reason);
}

std::string describe_cdi_start(const std::vector<std::uint32_t>& minors,
                               const std::vector<KnownGpu>& known,
                               std::string_view driver_version) {
    std::string nodes;
    for (const auto minor : minors) {
        const auto gpu = std::ranges::find(known, minor, &KnownGpu::minor);
        nodes += format_text("{}nvidia{}{}", nodes.empty() ? "" : ", ", minor,
                             gpu == known.end() ? "" : " (" + gpu->uuid + ")");
    }
    return format_text("has {} of driver {}, asked for by a CDI file (hook update-ldcache)",
                       nodes.empty() ? "no node of a GPU" : nodes,
                       driver_version.empty() ? "not known" : driver_version);
}

} // namespace grapnel
