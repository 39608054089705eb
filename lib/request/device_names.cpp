// SPDX-License-Identifier: Apache-2.0
#include "request/device_names.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace grapnel {

namespace {

constexpr std::string_view channel_prefix = "channel";

std::optional<std::uint32_t> imex_channel(std::string_view name) {
    if (name.starts_with(channel_prefix))
        name.remove_prefix(channel_prefix.size());
    const auto number = parse_number<std::uint32_t>(name);
    return number && *number < minor_limit ? number : std::nullopt;
}

} // namespace

Status DeviceNames::add(const DeviceName& /*name*/, const GpuName& gpu) {
    requested_.driver = true;
    const bool all = gpu.is(SpecialWord::all);
    const bool none = none_ != NoneIs::device && gpu.is(SpecialWord::none);
    if (decided_ || (none && none_ == NoneIs::no_gpu))
        return {};
    if (all || none) {
        decided_ = true;
        requested_.devices = all ? Request::Devices::all : Request::Devices::none;
        requested_.listed.clear();
    } else if (seen_.insert(gpu.text()).second) {
        requested_.devices = Request::Devices::listed;
        requested_.listed.push_back(gpu);
    }
    return {};
}

Status DeviceNames::add(const DeviceName& name, ManagementName /*management*/) {
    requested_.management = true;
    return add(name, GpuName("all"));
}

Status DeviceNames::add(const DeviceName& /*name*/, DeviceGroup group) {
    requested_.groups.insert(group);
    return {};
}

Status DeviceNames::add(const DeviceName& /*name*/, const ImexChannelName& channel) {
    if (channel.channel == "all")
        requested_.imex_channels.all = true;
    else
        channels_.push_back(channel.channel);
    return {};
}

Status DeviceNames::add(const DeviceName& name, NoDevice /*missing*/) {
    return refused("unknown device " + quote(name.text()), "'all' is the only one of its kind");
}

Status DeviceNames::add(const DeviceName& name, ForeignName /*foreign*/) {
    if (unknown_ == Unknown::refused)
        return refused("unknown device " + quote(name.text())
                           + ": its kind is none of NVIDIA's devices",
                       "have the engine give it by a CDI file, as with 'docker run --device'");
    passed_over_.push_back(name.text());
    return {};
}

Status DeviceNames::take(const DeviceName& name) {
    return std::visit([&](const auto& form) { return add(name, form); }, name.form());
}

Result<RequestedDevices> DeviceNames::finish() {
    if (settings_.ignore_imex_channel_requests)
        requested_.imex_channels = {};
    else
        requested_.imex_channels =
            joined(std::move(requested_.imex_channels), GRAPNEL_TRY(imex_channels_of(channels_)));
    return std::move(requested_);
}

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
    return joined(std::move(out), {});
}

ImexChannels joined(ImexChannels a, const ImexChannels& b) {
    a.all = a.all || b.all;
    auto& listed = a.listed;
    listed.insert(listed.end(), b.listed.begin(), b.listed.end());
    std::ranges::sort(listed);
    listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
    return a;
}

} // namespace grapnel
