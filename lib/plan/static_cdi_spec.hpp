// SPDX-License-Identifier: Apache-2.0
// A CDI file in the form of `nvidia-ctk cdi generate`: every node, library and file by its path,
// and hooks of the stage createContainer (apply/cdi_hook_plan.hpp) for the rest. It describes the
// host of the moment at which it is written. Nodes stand in it by path alone, so that the engine
// takes their numbers at each start.
#pragma once

#include "base/notices.hpp"
#include "base/path.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"

#include <string>
#include <vector>

namespace grapnel {

struct StaticCdiOptions {
    HostPath hook = {};                                        ///< nvidia-cdi-hook, or nvidia-ctk
    std::vector<std::string> hook_names = {"nvidia-cdi-hook"}; ///< the first words of its arguments
    std::string kind = "nvidia.com/gpu";
    std::string ldconfig = {};                    ///< of the hook update-ldcache; empty: its own
    std::vector<std::string> disabled_hooks = {}; ///< names
    std::string written_by = {};                  ///< the value of cdi_options_variable, or empty
};

struct CdiDevicePlan {
    std::string name = {};
    Plan plan = {};
};

/// As JSON. `common` is the plan without a device: its nodes, files and links stand once, for all
/// devices, and a device lists the rest of its own plan. The version is the lowest one with all
/// fields of the file. Refuses a path that is not UTF-8.
[[nodiscard]] Result<std::string> static_cdi_spec(const Plan& common,
                                                  const std::vector<CdiDevicePlan>& devices,
                                                  const StaticCdiOptions& options);

/// Items of the plan that a static file cannot have: missing nodes, and files of the host with
/// another text.
[[nodiscard]] Notices beyond_static_cdi(const Plan& plan);

} // namespace grapnel
