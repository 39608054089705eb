// SPDX-License-Identifier: Apache-2.0
// Which devices a container asks for, by the rules of request.hpp.
#pragma once

#include "request/request.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel {

struct RequestedDevices {
    Request::Devices devices = Request::Devices::none;
    std::vector<std::string> listed = {};
};

/// Nothing: the container asks for no driver at all.
[[nodiscard]] std::optional<RequestedDevices>
requested_devices(const Spec& spec, const Settings& settings, std::vector<std::string>& remarks);

/// CUDA_VERSION is set and NVIDIA_REQUIRE_CUDA is not.
[[nodiscard]] bool is_legacy_image(const Spec& spec);

/// By name, in NVIDIA_IMEX_CHANNELS or as volume mounts. `all` in the variable is no request:
/// it is what NVIDIA's hook passes over.
[[nodiscard]] bool asks_for_imex_channels(const Spec& spec, const Settings& settings);

} // namespace grapnel
