// SPDX-License-Identifier: Apache-2.0
#include "plan/mig_names.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

bool is_gpu_of(const MigName& name, const Gpu& gpu) {
    if (const auto* const index = std::get_if<unsigned>(&name.gpu))
        return *index == gpu.index;
    return !gpu.uuid.empty() && equal_ignoring_case(std::get<std::string>(name.gpu), gpu.uuid);
}

bool is_device_of(const MigName& name, const MigDevice& device) {
    const MigInstances instances{device.gpu_instance, device.compute_instance};
    return (name.device || name.instances) && name.device.value_or(device.index) == device.index
           && name.instances.value_or(instances) == instances;
}

} // namespace

bool is_mig_uuid(const GpuName& name) {
    const auto* const uuid = name.as<UuidName>();
    return uuid != nullptr && uuid->kind == UuidName::Kind::mig;
}

bool has_mig_name(const Gpu& gpu, const MigDevice& device, const GpuName& name) {
    if (const auto* const mig = name.as<MigName>();
        mig != nullptr && is_gpu_of(*mig, gpu) && is_device_of(*mig, device))
        return true;
    return !device.uuid.empty() && equal_ignoring_case(name.text(), device.uuid);
}

bool is_mig_name_of(const Gpu& gpu, const GpuName& name) {
    const auto* const mig = name.as<MigName>();
    return mig != nullptr && is_gpu_of(*mig, gpu);
}

bool has_unnamed_mig_device(const std::vector<Gpu>& gpus) {
    return std::ranges::any_of(gpus, [](const auto& gpu) {
        return std::ranges::any_of(gpu.mig_devices,
                                   [](const auto& device) { return device.uuid.empty(); });
    });
}

bool needs_mig_devices(const Request& request) {
    return request.devices == Request::Devices::all
           || std::ranges::any_of(request.listed, [](const auto& name) {
                  return is_mig_uuid(name) || name.template as<MigName>() != nullptr;
              });
}

bool names_mig_uuid(const Request& request) {
    return std::ranges::any_of(request.listed, is_mig_uuid);
}

bool needs_mig_uuids(const Request& request, const Inventory& inventory) {
    const auto is_known = [&](const GpuName& name) {
        return std::ranges::any_of(inventory.gpus, [&](const auto& gpu) {
            return std::ranges::any_of(gpu.mig_devices, [&](const auto& device) {
                return has_mig_name(gpu, device, name);
            });
        });
    };
    return has_unnamed_mig_device(inventory.gpus)
           && std::ranges::any_of(request.listed, [&](const auto& name) {
                  return is_mig_uuid(name) && !is_known(name);
              });
}

} // namespace grapnel
