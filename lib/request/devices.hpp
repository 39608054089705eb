// SPDX-License-Identifier: Apache-2.0
// Which devices a container asks for, by the rules of request.hpp.
#pragma once

#include "base/notices.hpp"
#include "request/device_names.hpp"
#include "request/request.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel {

/// Nothing: the container asks for nothing at all.
[[nodiscard]] Result<std::optional<RequestedDevices>>
requested_devices(const Spec& spec, const Settings& settings, Notices& notices);

/// Where the devices of a container come from, by rule 1 of request.hpp, whether they count or not.
struct DeviceSource {
    enum class Kind { none, cdi, annotations, volume_mounts, variable, legacy_image };
    Kind kind = Kind::none;
    std::string name = {};  ///< of the annotation or variable
    std::string value = {}; ///< the names of devices, as given
};
[[nodiscard]] DeviceSource device_source(const Spec& spec, const Settings& settings);

/// For people: the variable with its value, say.
[[nodiscard]] std::string describe(const DeviceSource& source);

/// Whether the special word `void` is among them.
[[nodiscard]] bool has_void(const std::vector<std::string>& words);

/// Why the environment asks for nothing, for a container without a request. Empty: it asks, and
/// does not count.
[[nodiscard]] std::string describe_missing_request(const Spec& spec, const Settings& settings);

/// An engine gave the devices by CDI: neither the image nor the environment has a say.
[[nodiscard]] bool is_cdi_request(const Spec& spec);

/// CUDA_VERSION is set and NVIDIA_REQUIRE_CUDA is not.
[[nodiscard]] bool is_legacy_image(const Spec& spec);

/// The names of the accepted volume mounts imex/NAME.
[[nodiscard]] std::vector<std::string> mounted_imex_channels(const Spec& spec,
                                                             const Settings& settings);

[[nodiscard]] bool environment_counts(const Spec& spec, const Settings& settings);

} // namespace grapnel
