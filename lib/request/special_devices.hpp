// SPDX-License-Identifier: Apache-2.0
// What a container that asks for devices asks for beside its GPUs, by rules 6 to 8 of
// request.hpp. Private to this module.
#pragma once

#include "request/request.hpp"

namespace grapnel {

[[nodiscard]] Status ask_for_mig_management(const Spec& spec, Request& request);

/// Every device node of the driver's; the name needs a privileged container.
[[nodiscard]] Status ask_for_management(const Spec& spec, const Settings& settings,
                                        Request& request);

/// Beside those that the request has by their names.
[[nodiscard]] Status ask_for_imex_channels(const Spec& spec, const Settings& settings,
                                           Request& request, std::vector<std::string>& remarks);

void ask_for_device_groups(const Spec& spec, const Settings& settings, Request& request,
                           std::vector<std::string>& remarks);

} // namespace grapnel
