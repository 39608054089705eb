// SPDX-License-Identifier: Apache-2.0
// Names of devices as the Container Device Interface has them: VENDOR/CLASS=DEVICE, where
// VENDOR/CLASS is a kind.
#pragma once

#include <optional>
#include <string_view>

namespace grapnel {

/// Valid as long as the text that it was read from.
struct CdiName {
    std::string_view vendor = {};
    std::string_view device_class = {};
    std::string_view device = {}; ///< not empty; any text

    bool operator==(const CdiName&) const = default;
};

/// Nothing for any other word. A device is not held to CDI's letters: whoever knows the kind
/// knows its devices, and their names can have more (MIG-GPU-<UUID>/2/0).
[[nodiscard]] std::optional<CdiName> parse_cdi_name(std::string_view word);

/// By this argument of grapnel-hook a file for CDI names the device that its hook is for.
inline constexpr std::string_view cdi_device_option = "--cdi-device=";

/// VENDOR/CLASS, each of letters, digits, '_', '-' and '.', with a letter before all.
[[nodiscard]] bool is_cdi_kind(std::string_view text);

} // namespace grapnel
