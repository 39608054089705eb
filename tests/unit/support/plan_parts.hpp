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

[[nodiscard]] inline std::vector<Gpu> three_gpus() {
    return {gpu(0, 2, "0000:01:00.0", "GPU-aaaa"), gpu(1, 0, "0000:0a:00.0", "GPU-bbbb"),
            gpu(2, 1, "10000:0a:00.0", "GPU-cccc")};
}

[[nodiscard]] inline Node mig_node(std::uint32_t minor) {
    return node("/dev/nvidia-caps/nvidia-cap" + std::to_string(minor), {241, minor});
}

[[nodiscard]] inline MigDevice mig_device(unsigned index, std::uint32_t gi, std::uint32_t ci,
                                          const char* uuid = "") {
    return {.index = index,
            .gpu_instance = gi,
            .compute_instance = ci,
            .uuid = uuid,
            .nodes = {mig_node(gi * 9), mig_node(gi * 9 + 1 + ci)}};
}

/// GPU 0 has 1/0 and 1/1, GPU 1 has 2/0, whose UUID is known.
[[nodiscard]] inline Inventory mig_host() {
    Inventory out{.driver_version = "580.1",
                  .gpus = {gpu(0, 1, "0000:00:00.0", "GPU-a"), gpu(1, 0, "0000:01:00.0", "GPU-b")}};
    out.gpus[0].mig_devices = {mig_device(0, 1, 0), mig_device(1, 1, 1)};
    out.gpus[1].mig_devices = {mig_device(0, 2, 0, "MIG-0000-1111")};
    out.mig_management = {.has_proc_files = true,
                          .has_nodes = true,
                          .config = mig_node(1),
                          .monitor = mig_node(2),
                          .nodes = {mig_node(1), mig_node(2), mig_node(9), mig_node(18)},
                          .gpus = {{0, {{241, 18}, {241, 19}}}, {1, {{241, 9}}}, {7, {{241, 99}}}}};
    return out;
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
