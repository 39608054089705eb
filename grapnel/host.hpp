// SPDX-License-Identifier: Apache-2.0
// The inventory and the plans of this host, for the commands.
#pragma once

#include "base/result.hpp"
#include "driver/inventory.hpp"
#include "plan/plan.hpp"
#include "prepare/log.hpp"
#include "request/request.hpp"
#include "settings/settings.hpp"

namespace grapnel {

/// grapnel-hook of this program's own prefix.
[[nodiscard]] HostPath installed_hook();

/// A request for all driver capabilities and every GPU.
[[nodiscard]] Request request_for_all();

/// The inventory for that request, with the answers of grapnel-probe. Loads no module.
[[nodiscard]] Result<Inventory> describe_host(const Settings& settings, const Request& request,
                                              const Log& log);

/// The plan of that request without an image. Loads no module, makes no node.
[[nodiscard]] Result<Plan> plan_on_host(const Settings& settings, const Request& request,
                                        const Log& log);

} // namespace grapnel
