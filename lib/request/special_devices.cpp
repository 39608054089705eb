// SPDX-License-Identifier: Apache-2.0
#include "request/special_devices.hpp"

#include "base/text.hpp"
#include "request/devices.hpp"

#include <algorithm>

namespace grapnel {

namespace {

constexpr std::string_view imex_variable = "NVIDIA_IMEX_CHANNELS";

std::string not_counted(std::string_view variable) {
    return std::string(variable)
           + " is passed over: the container is not privileged and the settings accept the "
             "environment of privileged containers only";
}

Result<bool> is_managed(const Spec& spec, const std::string& variable) {
    const auto value = spec.variable(variable);
    if (!value || value->empty())
        return false;
    if (!spec.bounding_sys_admin)
        return refused(variable + " needs a privileged container",
                       "start it with CAP_SYS_ADMIN, or leave the variable out");
    if (!equal_ignoring_case(trim(*value), "all"))
        return refused(variable + "=" + quote(*value) + " names no devices",
                       "'all' is the only value that it has");
    return true;
}

/// A channel is N or channelN.
std::optional<std::uint32_t> imex_channel(std::string_view name) {
    constexpr std::string_view prefix = "channel";
    if (name.starts_with(prefix))
        name.remove_prefix(prefix.size());
    const auto number = parse_number<std::uint32_t>(name);
    return number && *number < minor_limit ? number : std::nullopt;
}

} // namespace

Result<ImexChannels> imex_channels_of(const std::vector<std::string>& names) {
    ImexChannels out;
    for (const auto& name : names) {
        const auto channel = imex_channel(name);
        if (!channel)
            return refused(quote(name) + " is no IMEX channel",
                           "a channel is a number from 0 to " + std::to_string(minor_limit - 1)
                               + ", or that with 'channel' before it");
        out.listed.push_back(*channel);
    }
    std::ranges::sort(out.listed);
    out.listed.erase(std::unique(out.listed.begin(), out.listed.end()), out.listed.end());
    return out;
}

Status ask_for_mig_management(const Spec& spec, Request& request) {
    request.mig_config = GRAPNEL_TRY(is_managed(spec, "NVIDIA_MIG_CONFIG_DEVICES"));
    request.mig_monitor = GRAPNEL_TRY(is_managed(spec, "NVIDIA_MIG_MONITOR_DEVICES"));
    return {};
}

Status ask_for_imex_channels(const Spec& spec, const Settings& settings, Request& request,
                             std::vector<std::string>& remarks) {
    if (settings.ignore_imex_channel_requests)
        return {};
    const auto mounted = mounted_imex_channels(spec, settings);
    if (std::ranges::find(mounted, "all") != mounted.end())
        request.imex_channels.all = true;
    else if (!mounted.empty())
        request.imex_channels = GRAPNEL_TRY(imex_channels_of(mounted).note("volume mount imex"));
    if (!mounted.empty())
        return {};
    const auto list = spec.variable(imex_variable);
    const auto requested = list ? devices_of(*list) : std::nullopt;
    if (!requested || requested->devices == Request::Devices::none)
        return {};
    if (!environment_counts(spec, settings)) {
        remarks.push_back(not_counted(imex_variable));
        return {};
    }
    if (requested->devices == Request::Devices::all)
        request.imex_channels.all = true;
    else
        request.imex_channels =
            GRAPNEL_TRY(imex_channels_of(requested->listed).note(imex_variable));
    return {};
}

void ask_for_device_groups(const Spec& spec, const Settings& settings, Request& request,
                           std::vector<std::string>& remarks) {
    for (std::size_t i = 0; i < device_group_names.size(); ++i) {
        const auto variable = "NVIDIA_" + std::string(device_group_names[i]);
        const auto value = spec.variable(variable);
        if (!value || value->empty())
            continue;
        if (*value != "enabled")
            remarks.push_back(variable + "=" + quote(*value)
                              + " is passed over: 'enabled' is the only value that it has");
        else if (!environment_counts(spec, settings))
            remarks.push_back(not_counted(variable));
        else
            request.device_groups.insert(static_cast<DeviceGroup>(i));
    }
}

} // namespace grapnel
