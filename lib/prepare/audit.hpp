// SPDX-License-Identifier: Apache-2.0
// The line of a start in the log: which container got which GPUs, and why.
#pragma once

#include "driver/known_gpus.hpp"
#include "plan/plan.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel {

/// `reason` is the variable, annotation or option that asked for the GPUs.
[[nodiscard]] std::string describe_start(const Plan& plan, std::string_view reason);

/// The same for a container that the hooks of a CDI file serve: the file's nodes in the container's
/// /dev tell the GPUs, and `known` their UUIDs.
[[nodiscard]] std::string describe_cdi_start(const std::vector<std::uint32_t>& minors,
                                             const std::vector<KnownGpu>& known,
                                             std::string_view driver_version);

} // namespace grapnel
