// SPDX-License-Identifier: Apache-2.0
// Auxiliary devices of a request, beside its GPUs, by rules 6 to 8 of request.hpp. Private to this
// module.
#pragma once

#include "base/notices.hpp"
#include "request/request.hpp"

namespace grapnel {

[[nodiscard]] Status ask_for_mig_management(const Spec& spec, Request& request);

/// Every device node of the driver's; the name needs a privileged container.
[[nodiscard]] Status ask_for_management(const Spec& spec, const Settings& settings,
                                        Request& request);

/// In addition to channels that the request names.
[[nodiscard]] Status ask_for_imex_channels(const Spec& spec, const Settings& settings,
                                           Request& request, Notices& notices);

void ask_for_device_groups(const Spec& spec, const Settings& settings, Request& request,
                           Notices& notices);

} // namespace grapnel
