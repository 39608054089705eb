// SPDX-License-Identifier: Apache-2.0
// What a container that asks for devices asks for beside its GPUs, by rules 6 to 8 of
// request.hpp.
#pragma once

#include "request/request.hpp"

#include <string>
#include <vector>

namespace grapnel {

[[nodiscard]] Status ask_for_mig_management(const Spec& spec, Request& request);

/// Channels by their names, each N or channelN; sorted.
[[nodiscard]] Result<ImexChannels> imex_channels_of(const std::vector<std::string>& names);

[[nodiscard]] Status ask_for_imex_channels(const Spec& spec, const Settings& settings,
                                           Request& request, std::vector<std::string>& remarks);

void ask_for_device_groups(const Spec& spec, const Settings& settings, Request& request,
                           std::vector<std::string>& remarks);

} // namespace grapnel
