// SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include "prepare/planner.hpp"
#include "sys/installation.hpp"

namespace grapnel {

HostPath installed_hook() {
    return sys::installed_program("bin/grapnel-hook", host_path(GRAPNEL_BINDIR "/grapnel-hook"));
}

Request request_for_all() {
    return {.devices = Request::Devices::all, .driver_capabilities = DriverCapabilities::all()};
}

Result<Inventory> describe_host(const Settings& settings, const Request& request, const Log& log) {
    ModuleLoader modules; // loads no module: a container's start does
    Planner planner(settings, log, modules, Planner::DryRun::no);
    return GRAPNEL_TRY(std::move(planner).describe(request)).inventory();
}

Result<Plan> plan_on_host(const Settings& settings, const Request& request, const Log& log) {
    ModuleLoader modules;
    Planner planner(settings, log, modules, Planner::DryRun::yes);
    return GRAPNEL_TRY(std::move(planner).prepare(request)).plan_without_image();
}

} // namespace grapnel
