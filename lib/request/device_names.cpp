// SPDX-License-Identifier: Apache-2.0
#include "request/device_names.hpp"

#include "base/cdi_name.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel {

namespace {

/// CDI vendors of devices that Grapnel gives by itself: NVIDIA's tools, its runtime without a file,
/// its device plugin for Kubernetes.
constexpr std::array<std::string_view, 3> vendors{"nvidia.com", "runtime.nvidia.com",
                                                  "k8s.device-plugin.nvidia.com"};

constexpr std::string_view channel_prefix = "channel";

std::optional<std::uint32_t> imex_channel(std::string_view name) {
    if (name.starts_with(channel_prefix))
        name.remove_prefix(channel_prefix.size());
    const auto number = parse_number<std::uint32_t>(name);
    return number && *number < minor_limit ? number : std::nullopt;
}

Error unknown_kind(std::string_view word) {
    return refused("unknown device " + quote(word) + ": its kind is none of NVIDIA's devices",
                   "have the engine give it by a CDI file, as with 'docker run --device'");
}

} // namespace

struct DeviceNames::Kind {
    enum class What { gpu, management, group, imex_channel };
    std::string_view device_class;
    What what;
    DeviceGroup group = {};
};

const DeviceNames::Kind* DeviceNames::known_kind(std::string_view vendor,
                                                 std::string_view device_class) {
    static constexpr std::array<Kind, 6> kinds{{
        {"gpu", Kind::What::gpu},
        {"gds", Kind::What::group, DeviceGroup::gds},
        {"mofed", Kind::What::group, DeviceGroup::mofed},
        {"gdrcopy", Kind::What::group, DeviceGroup::gdrcopy},
        {"nvswitch", Kind::What::group, DeviceGroup::nvswitch},
        {"imex-channel", Kind::What::imex_channel},
    }};
    static constexpr Kind management{"gpu", Kind::What::management};
    if (vendor == "management.nvidia.com")
        return device_class == management.device_class ? &management : nullptr;
    const auto* const found = std::ranges::find(kinds, device_class, &Kind::device_class);
    return std::ranges::find(vendors, vendor) == vendors.end() || found == kinds.end() ? nullptr
                                                                                       : found;
}

void DeviceNames::take_gpu(std::string_view device) {
    requested_.driver = true;
    const bool all = equal_ignoring_case(device, "all");
    const bool none = none_ != NoneIs::device && equal_ignoring_case(device, "none");
    if (decided_ || (none && none_ == NoneIs::no_gpu))
        return;
    if (all || none) {
        decided_ = true;
        requested_.devices = all ? Request::Devices::all : Request::Devices::none;
        requested_.listed.clear();
    } else if (seen_.emplace(device).second) {
        requested_.devices = Request::Devices::listed;
        requested_.listed.emplace_back(std::string(device));
    }
}

Status DeviceNames::take_of_kind(const Kind& kind, std::string_view word, std::string_view device) {
    switch (kind.what) {
    case Kind::What::gpu:
        take_gpu(device);
        return {};
    case Kind::What::imex_channel:
        if (device == "all")
            requested_.imex_channels.all = true;
        else
            channels_.emplace_back(device);
        return {};
    case Kind::What::group:
    case Kind::What::management:
        break;
    }
    if (device != "all")
        return refused("unknown device " + quote(word), "'all' is the only one of its kind");
    if (kind.what == Kind::What::group) {
        requested_.groups.insert(kind.group);
        return {};
    }
    requested_.management = true;
    take_gpu("all");
    return {};
}

Status DeviceNames::take(std::string_view word) {
    const auto name = parse_cdi_name(word);
    if (name) {
        if (const auto* const kind = known_kind(name->vendor, name->device_class))
            return take_of_kind(*kind, word, name->device);
        if (unknown_ == Unknown::refused)
            return unknown_kind(word);
        passed_over_.emplace_back(word);
        return {};
    }
    // a group has one device: its kind says all
    const auto slash = word.find('/');
    if (slash != std::string_view::npos)
        if (const auto* const kind = known_kind(word.substr(0, slash), word.substr(slash + 1));
            kind != nullptr && kind->what == Kind::What::group)
            return take_of_kind(*kind, word, "all");
    take_gpu(word);
    return {};
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
