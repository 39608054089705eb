// SPDX-License-Identifier: Apache-2.0
#include "audit.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "request/devices.hpp"

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

std::string reason_of(const DeviceSource& source) {
    using Kind = DeviceSource::Kind;
    switch (source.kind) {
    case Kind::cdi:
        return "CDI " + quote(source.value);
    case Kind::annotations:
        return "annotation " + quote(source.name);
    case Kind::volume_mounts:
        return "volume mounts " + quote(source.value);
    case Kind::variable:
        return source.name + "=" + quote(source.value);
    case Kind::legacy_image:
        return "an image with CUDA_VERSION alone";
    case Kind::none:
        break;
    }
    return "its environment";
}

} // namespace

std::string describe_start(const Plan& plan, const Spec& spec, const Settings& settings) {
    const auto capabilities = plan.driver_capabilities.names();
    return format_text("has {} of driver {} with {}, asked for by {}", gpus_of(plan),
                       plan.driver_version,
                       capabilities.empty() ? "no driver capability" : enumerate(capabilities),
                       reason_of(device_source(spec, settings)));
}

} // namespace grapnel
