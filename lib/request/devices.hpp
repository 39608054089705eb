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

/// A list of names with the special words all, none and void. Nothing: it asks for nothing.
[[nodiscard]] std::optional<RequestedDevices> devices_of(std::string_view list);

/// The names of the accepted volume mounts imex/NAME.
[[nodiscard]] std::vector<std::string> mounted_imex_channels(const Spec& spec,
                                                             const Settings& settings);

[[nodiscard]] bool environment_counts(const Spec& spec, const Settings& settings);

} // namespace grapnel
