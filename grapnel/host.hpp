// SPDX-License-Identifier: Apache-2.0
// This host as the commands describe it.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "plan/plan.hpp"
#include "prepare/log.hpp"
#include "request/request.hpp"
#include "settings/settings.hpp"

namespace grapnel {

/// A request for all of the driver and every GPU.
[[nodiscard]] Request request_for_all();

/// The inventory for that request, with the answers of grapnel-probe. Loads no module.
[[nodiscard]] Result<Inventory> describe_host(const Settings& settings, const Request& request,
                                              const Log& log);

/// The plan of that request in an image of which nothing is known. Loads no module, makes nothing.
[[nodiscard]] Result<Plan> plan_on_host(const Settings& settings, const Request& request,
                                        const Log& log);

} // namespace grapnel
