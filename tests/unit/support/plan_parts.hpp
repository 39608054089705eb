// SPDX-License-Identifier: Apache-2.0
// Hosts and requests for plans, and a look into plans.
#pragma once

#include "driver/inventory.hpp"
#include "plan/plan.hpp"
#include "request/request.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace grapnel::test {

/// Which is there, as it should be.
[[nodiscard]] inline Node node(const std::string& path, DeviceNumber number) {
    return {.path = host_path(path), .expected = number, .found = number};
}

[[nodiscard]] inline Gpu gpu(unsigned index, std::uint32_t minor, std::string pci,
                             std::string uuid) {
    return {.index = index,
            .uuid = std::move(uuid),
            .pci = std::move(pci),
            .model = "NVIDIA H200",
            .minor = minor,
            .node = node("/dev/nvidia" + std::to_string(minor), {195, minor})};
}

[[nodiscard]] inline Request request(const std::vector<std::string>& listed) {
    return {.devices = Request::Devices::listed,
            .listed = gpu_names(listed),
            .driver_capabilities = {DriverCapability::compute, DriverCapability::utility}};
}

[[nodiscard]] inline bool has_mount(const Plan& plan, Mount::Kind kind, const char* inside) {
    return std::ranges::any_of(plan.mounts, [&](const auto& mount) {
        return mount.kind == kind && mount.inside.text() == inside;
    });
}

} // namespace grapnel::test
