// SPDX-License-Identifier: Apache-2.0
// The names by which a container asks for devices, put together. Private to this module, but for
// imex_channels_of().
#pragma once

#include "request/device_name.hpp"
#include "request/request.hpp"

#include <set>
#include <string>
#include <vector>

namespace grapnel {

struct RequestedDevices {
    bool driver = false; ///< the driver, and the GPUs that follow
    Request::Devices devices = Request::Devices::none;
    std::vector<GpuName> listed = {};
    bool management = false;
    DeviceGroups groups = {};
    ImexChannels imex_channels = {};

    [[nodiscard]] bool empty() const { return !driver && groups.empty() && imex_channels.empty(); }
};

/// Takes names one by one, into what they ask for together.
class DeviceNames {
  public:
    /// no_gpu: the driver, and nothing beside GPUs
    enum class NoneIs { special_word, no_gpu, device };
    enum class Unknown { refused, passed_over }; ///< the treatment of other vendors' kinds

    DeviceNames(const Settings& settings, NoneIs none, Unknown unknown)
        : settings_(settings), none_(none), unknown_(unknown) {}

    /// The errors say nothing of where the name comes from.
    [[nodiscard]] Status take(const DeviceName& name);

    /// Once, after all names.
    [[nodiscard]] Result<RequestedDevices> finish();
    [[nodiscard]] const std::vector<std::string>& passed_over() const { return passed_over_; }

  private:
    Status add(const DeviceName& name, const GpuName& gpu);
    Status add(const DeviceName& name, ManagementName management);
    Status add(const DeviceName& name, DeviceGroup group);
    Status add(const DeviceName& name, const ImexChannelName& channel);
    Status add(const DeviceName& name, NoDevice missing);
    Status add(const DeviceName& name, ForeignName foreign);

    const Settings& settings_;
    NoneIs none_;
    Unknown unknown_;
    RequestedDevices requested_ = {};
    bool decided_ = false;                         ///< by a special word
    std::set<std::string, std::less<>> seen_ = {}; // a list is as long as an image likes
    std::vector<std::string> channels_ = {};
    std::vector<std::string> passed_over_ = {};
};

/// Channels by number or as channelN, sorted and unique; an error names an invalid one.
[[nodiscard]] Result<ImexChannels> imex_channels_of(const std::vector<std::string>& names);

/// The union.
[[nodiscard]] ImexChannels joined(ImexChannels a, const ImexChannels& b);

} // namespace grapnel
