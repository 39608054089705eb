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
    if (special_word(trim(*value)) != SpecialWord::all)
        return refused(variable + "=" + quote(*value) + " names no devices",
                       "'all' is the only value that it has");
    return true;
}

struct ChannelList {
    bool all = false;
    std::vector<std::string> names = {};
};

/// The words of the variable: `void` anywhere means `none`, else the first of `all` and `none`
/// decides.
ChannelList channel_list(std::string_view list) {
    auto words = comma_list(list);
    if (has_void(words))
        return {};
    const auto decides = std::ranges::find_if(
        words, [](const auto& word) { return special_word(word).has_value(); });
    if (decides != words.end())
        return {.all = special_word(*decides) == SpecialWord::all};
    return {.names = std::move(words)};
}

Result<ImexChannels> mounted_channels(const std::vector<std::string>& names) {
    if (std::ranges::find(names, "all") != names.end())
        return ImexChannels{.all = true};
    return imex_channels_of(names).note("volume mount imex");
}

} // namespace

Status ask_for_mig_management(const Spec& spec, Request& request) {
    request.mig_config = GRAPNEL_TRY(is_managed(spec, "NVIDIA_MIG_CONFIG_DEVICES"));
    request.mig_monitor = GRAPNEL_TRY(is_managed(spec, "NVIDIA_MIG_MONITOR_DEVICES"));
    return {};
}

Status ask_for_imex_channels(const Spec& spec, const Settings& settings, Request& request,
                             Notices& notices) {
    if (settings.ignore_imex_channel_requests)
        return {};
    const auto add = [&](const ImexChannels& channels) {
        request.imex_channels = joined(std::move(request.imex_channels), channels);
    };
    if (const auto mounted = mounted_imex_channels(spec, settings); !mounted.empty()) {
        add(GRAPNEL_TRY(mounted_channels(mounted)));
        return {};
    }
    const auto value = spec.variable(imex_variable);
    const auto list = value ? channel_list(*value) : ChannelList();
    if (!list.all && list.names.empty())
        return {};
    if (!environment_counts(spec, settings)) {
        notices.warn(not_counted(imex_variable));
        return {};
    }
    if (list.all)
        add({.all = true});
    else
        add(GRAPNEL_TRY(imex_channels_of(list.names).note(imex_variable)));
    return {};
}

Status ask_for_management(const Spec& spec, const Settings& settings, Request& request) {
    if (!spec.bounding_sys_admin)
        return refused("management.nvidia.com/gpu needs a privileged container",
                       "start it with CAP_SYS_ADMIN, or ask for nvidia.com/gpu");
    request.management = true;
    request.imex_channels.all = !settings.ignore_imex_channel_requests;
    return {};
}

void ask_for_device_groups(const Spec& spec, const Settings& settings, Request& request,
                           Notices& notices) {
    for (std::size_t i = 0; i < device_group_names.size(); ++i) {
        const auto variable = "NVIDIA_" + std::string(device_group_names[i]);
        const auto value = spec.variable(variable);
        if (!value || value->empty())
            continue;
        if (*value != "enabled")
            notices.warn(variable + "=" + quote(*value)
                         + " is passed over: 'enabled' is the only value that it has");
        else if (!environment_counts(spec, settings))
            notices.warn(not_counted(variable));
        else
            request.device_groups.insert(static_cast<DeviceGroup>(i));
    }
}

} // namespace grapnel
