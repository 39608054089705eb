// SPDX-License-Identifier: Apache-2.0
// The variable or setting behind each decision, by the rules of request/request.hpp.
#pragma once

#include "explain/report.hpp"
#include "oci/spec.hpp"
#include "prepare/settings_file.hpp"
#include "request/request.hpp"

#include <optional>
#include <vector>

namespace grapnel::explanation {

/// `request`: the hook's request for this spec and the loaded settings; nothing if it asks for no
/// GPU.
[[nodiscard]] std::vector<Decision> decisions_of(const Spec& spec, const LoadedSettings& loaded,
                                                 const std::optional<Request>& request);

/// Driver capabilities and GPUs of the host that the container does not get, and how to ask for
/// them.
[[nodiscard]] std::vector<std::string> left_out_of(const Request& request, const Settings& settings,
                                                   const Plan& plan, std::size_t host_gpus);

} // namespace grapnel::explanation
