// SPDX-License-Identifier: Apache-2.0
// A word by which a container asks for a device, parsed where it enters: the name of a GPU, alone
// or behind its kind for CDI, or a CDI name of another device.
#pragma once

#include "base/special_devices.hpp"
#include "request/gpu_name.hpp"

#include <string>
#include <string_view>
#include <variant>

namespace grapnel {

/// management.nvidia.com/gpu=all
struct ManagementName {
    bool operator==(const ManagementName&) const = default;
};

/// nvidia.com/imex-channel=NAME
struct ImexChannelName {
    std::string channel = {}; ///< a number, channelN, or all; anything else is an error later

    bool operator==(const ImexChannelName&) const = default;
};

/// nvidia.com/gds=0: of a kind with one device, `all`.
struct NoDevice {
    bool operator==(const NoDevice&) const = default;
};

/// vendor.com/class=name: of a kind that is none of NVIDIA's devices.
struct ForeignName {
    bool operator==(const ForeignName&) const = default;
};

class DeviceName {
  public:
    using Form =
        std::variant<GpuName, ManagementName, DeviceGroup, ImexChannelName, NoDevice, ForeignName>;

    /// A word without a kind is one of `default_kind`, if there is one; `none` and `void` have no
    /// kind.
    explicit DeviceName(std::string word, std::string_view default_kind = {});

    /// As it was asked for.
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const Form& form() const { return form_; }
    /// VENDOR/CLASS=DEVICE
    [[nodiscard]] bool is_cdi_name() const { return is_cdi_name_; }

  private:
    std::string text_;
    bool is_cdi_name_;
    Form form_;
};

} // namespace grapnel
