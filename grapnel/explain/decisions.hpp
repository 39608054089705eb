// SPDX-License-Identifier: Apache-2.0
// Which variable or setting decided what, by the rules of request/request.hpp.
#pragma once

#include "explain/report.hpp"
#include "oci/spec.hpp"
#include "prepare/settings_file.hpp"
#include "request/request.hpp"

#include <optional>
#include <vector>

namespace grapnel::explanation {

/// `request`: the one that the hook makes of them; nothing: none.
[[nodiscard]] std::vector<Decision> decisions_of(const Spec& spec, const LoadedSettings& settings,
                                                 const std::optional<Request>& request);

/// What the host has and the container does not get, and the way to ask for it.
[[nodiscard]] std::vector<std::string> left_out_of(const Request& request, const Settings& settings,
                                                   const Plan& plan, std::size_t host_gpus);

} // namespace grapnel::explanation
