// SPDX-License-Identifier: Apache-2.0
#include "plan/mig_names.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::string instances(const MigDevice& device) {
    return "/" + std::to_string(device.gpu_instance) + "/"
           + std::to_string(device.compute_instance);
}

std::string index_name(const Gpu& gpu, const MigDevice& device) {
    return std::to_string(gpu.index) + ":" + std::to_string(device.index);
}

std::string numbers_name(const Gpu& gpu, const MigDevice& device) {
    return "GPU" + std::to_string(gpu.index) + "-MIG" + std::to_string(device.index)
           + instances(device);
}

/// One colon is a MIG device's, two are a PCI address's; the other forms have MIG in them.
bool can_be_mig_name(std::string_view name) {
    return std::ranges::count(name, ':') == 1 || starts_with_ignoring_case(name, "MIG-")
           || name.find('/') != std::string_view::npos;
}

std::string instances_name(const Gpu& gpu, const MigDevice& device) {
    return "MIG-" + gpu.uuid + instances(device);
}

} // namespace

bool is_mig_uuid(std::string_view name) {
    return starts_with_ignoring_case(name, "MIG-") && !starts_with_ignoring_case(name, "MIG-GPU-");
}

bool has_mig_name(const Gpu& gpu, const MigDevice& device, std::string_view name) {
    const auto is = [&](std::string_view known) { return equal_ignoring_case(name, known); };
    return is(index_name(gpu, device)) || is(numbers_name(gpu, device))
           || (!gpu.uuid.empty() && is(instances_name(gpu, device)))
           || (!device.uuid.empty() && is(device.uuid));
}

bool is_mig_name_of(const Gpu& gpu, std::string_view name) {
    const auto index = std::to_string(gpu.index);
    return starts_with_ignoring_case(name, index + ":")
           || starts_with_ignoring_case(name, "GPU" + index + "-MIG")
           || (!gpu.uuid.empty() && starts_with_ignoring_case(name, "MIG-" + gpu.uuid + "/"));
}

bool has_unnamed_mig_device(const std::vector<Gpu>& gpus) {
    return std::ranges::any_of(gpus, [](const auto& gpu) {
        return std::ranges::any_of(gpu.mig_devices,
                                   [](const auto& device) { return device.uuid.empty(); });
    });
}

bool needs_mig_devices(const Request& request) {
    return request.devices == Request::Devices::all
           || std::ranges::any_of(request.listed, can_be_mig_name);
}

bool names_mig_uuid(const Request& request) {
    return std::ranges::any_of(request.listed, is_mig_uuid);
}

bool needs_mig_uuids(const Request& request, const Inventory& inventory) {
    const auto is_known = [&](const std::string& name) {
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
