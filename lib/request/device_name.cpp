// SPDX-License-Identifier: Apache-2.0
#include "request/device_name.hpp"

#include "base/cdi_name.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace grapnel {

namespace {

/// CDI vendors of devices that Grapnel gives by itself: NVIDIA's tools, its runtime without a file,
/// its device plugin for Kubernetes.
constexpr std::array<std::string_view, 3> vendors{"nvidia.com", "runtime.nvidia.com",
                                                  "k8s.device-plugin.nvidia.com"};

constexpr std::string_view all_devices = "all"; ///< of a CDI file: in lower case

std::optional<DeviceGroup> group_of_class(std::string_view device_class) {
    static constexpr std::array<std::pair<std::string_view, DeviceGroup>, 4> groups{{
        {"gds", DeviceGroup::gds},
        {"mofed", DeviceGroup::mofed},
        {"gdrcopy", DeviceGroup::gdrcopy},
        {"nvswitch", DeviceGroup::nvswitch},
    }};
    const auto* const found =
        std::ranges::find(groups, device_class, [](const auto& group) { return group.first; });
    return found == groups.end() ? std::nullopt : std::optional(found->second);
}

bool is_nvidias(std::string_view vendor) {
    return std::ranges::find(vendors, vendor) != vendors.end();
}

DeviceName::Form form_of_cdi_name(const CdiName& name) {
    const bool is_all = name.device == all_devices;
    if (name.vendor == "management.nvidia.com" && name.device_class == "gpu")
        return is_all ? DeviceName::Form(ManagementName()) : NoDevice();
    if (!is_nvidias(name.vendor))
        return ForeignName();
    if (name.device_class == "gpu")
        return GpuName(std::string(name.device));
    if (name.device_class == "imex-channel")
        return ImexChannelName{std::string(name.device)};
    if (const auto group = group_of_class(name.device_class))
        return is_all ? DeviceName::Form(*group) : NoDevice();
    return ForeignName();
}

/// A group has one device: its kind says all.
std::optional<DeviceGroup> group_of_kind(std::string_view kind) {
    const auto slash = kind.find('/');
    return slash != std::string_view::npos && is_nvidias(kind.substr(0, slash))
               ? group_of_class(kind.substr(slash + 1))
               : std::nullopt;
}

/// A kind alone has its kind, also one that nothing is known of.
bool lacks_kind(const std::string& word) {
    const auto special = special_word(word);
    return !parse_cdi_name(word) && !is_cdi_kind(word) && special != SpecialWord::none
           && special != SpecialWord::nothing;
}

std::string with_kind(std::string word, std::string_view default_kind) {
    return default_kind.empty() || !lacks_kind(word) ? std::move(word)
                                                     : std::string(default_kind) + "=" + word;
}

DeviceName::Form form_of_word(const std::string& word) {
    if (const auto name = parse_cdi_name(word))
        return form_of_cdi_name(*name);
    if (const auto group = group_of_kind(word))
        return *group;
    return GpuName(word);
}

} // namespace

DeviceName::DeviceName(std::string word, std::string_view default_kind)
    : text_(with_kind(std::move(word), default_kind)),
      is_cdi_name_(parse_cdi_name(text_).has_value()),
      form_(form_of_word(text_)) {}

} // namespace grapnel
