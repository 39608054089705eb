// SPDX-License-Identifier: Apache-2.0
// The versions of CDI that releases of container engines read.
#pragma once

#include "doctor/facts.hpp"

#include <string>
#include <string_view>

namespace grapnel::doctor_command {

/// "podman 4.3.1 reads CDI files up to version 0.5.0": the first engine of this host that refuses a
/// file of that version; empty without one.
[[nodiscard]] std::string engine_too_old_for(const Facts& facts, std::string_view cdi_version);

} // namespace grapnel::doctor_command
