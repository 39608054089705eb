// SPDX-License-Identifier: Apache-2.0
// The device properties of a systemd scope: systemd.resource-control(5),
// org.freedesktop.systemd1(5).
#pragma once

#include "base/result.hpp"
#include "systemd/dbus.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace grapnel::systemd {

/// As systemd writes them: "/dev/char/195:0" and "rw"; "device" and a path below /sys/fs/bpf.
using UnitDevices = Pairs;

struct UnitDeviceSettings {
    std::string cgroup = {};   ///< ControlGroup: empty where systemd has no such unit
    std::string policy = {};   ///< DevicePolicy: auto, closed or strict
    UnitDevices allowed = {};  ///< DeviceAllow
    UnitDevices programs = {}; ///< BPFProgram; empty where this systemd does not know it

    bool operator==(const UnitDeviceSettings&) const = default;
};

class Systemd {
  public:
    /// The bus is there later than systemd; a private connection, which only root can have, takes
    /// systemd two milliseconds to set up.
    enum class Way { system_bus, private_socket };

    /// All that is done with the result ends by the deadline. An error here or there with
    /// sys != 0 is not systemd's answer: it was not reached.
    [[nodiscard]] static Result<Systemd> connect(Way way, Deadline deadline);

    [[nodiscard]] Result<UnitDeviceSettings> device_settings(std::string_view scope);

    /// Adds to DeviceAllow of the scope, until it ends. Once this returns, systemd has applied its
    /// rules again.
    [[nodiscard]] Status allow_devices(std::string_view scope, const UnitDevices& devices);

  private:
    explicit Systemd(Connection bus) : bus_(std::move(bus)) {}

    Connection bus_;
};

/// Lets a tenth of a second pass.
void wait_for_systemd();

/// The object of a unit: each byte but letters and digits as _xx, and a digit that comes first.
[[nodiscard]] std::string unit_object(std::string_view unit);

} // namespace grapnel::systemd
