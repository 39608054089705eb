// SPDX-License-Identifier: Apache-2.0
#include "devices/systemd_scope.hpp"

#include "base/text.hpp"
#include "systemd/manager.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace grapnel::devices {

namespace {

using Clock = std::chrono::steady_clock;
using Way = systemd::Systemd::Way;

/// systemd finds the device by the numbers in this name. Before version 240 it takes only the
/// ones that are there.
std::string device_file(const DeviceRule& rule) {
    return std::string(rule.type == DeviceRule::Type::block ? "/dev/block/" : "/dev/char/")
           + std::to_string(*rule.major) + ":" + std::to_string(*rule.minor);
}

std::string access(const DeviceRule& rule) {
    return std::string((rule.access & access_read) != 0 ? "r" : "")
           + ((rule.access & access_write) != 0 ? "w" : "")
           + ((rule.access & access_mknod) != 0 ? "m" : "");
}

bool allows(const systemd::UnitDevices& list, const std::pair<std::string, std::string>& wanted) {
    return std::ranges::any_of(list, [&](const auto& entry) {
        return entry.first == wanted.first && std::ranges::all_of(wanted.second, [&](char one) {
                   return entry.second.find(one) != std::string::npos;
               });
    });
}

systemd::UnitDevices missing(const systemd::UnitDevices& list,
                             const std::vector<DeviceRule>& rules) {
    systemd::UnitDevices out;
    for (const auto& rule : rules) {
        if (!rule.allow || !rule.major || !rule.minor)
            continue;
        std::pair wanted(device_file(rule), access(rule));
        if (!allows(list, wanted))
            out.push_back(std::move(wanted));
    }
    return out;
}

std::vector<HostPath> pinned_programs(const systemd::UnitDevices& programs) {
    std::vector<HostPath> out;
    for (const auto& [kind, path] : programs)
        if (auto place = HostPath::make(path); place && kind == "device")
            out.push_back(std::move(*place));
    return out;
}

Result<Told> tell(const OwnScope& scope, const std::vector<DeviceRule>& rules, Way way,
                  Clock::time_point deadline) {
    auto systemd = GRAPNEL_TRY(systemd::Systemd::connect(way, deadline));
    const auto settings = GRAPNEL_TRY(systemd.device_settings(scope.unit));
    if (settings.cgroup.empty())
        return Told{};
    if (settings.cgroup != scope.cgroup)
        return refused("its cgroup is " + quote(settings.cgroup) + " and the container's is "
                       + quote(scope.cgroup));
    Told told{.anew = false, .pinned = pinned_programs(settings.programs)};
    const bool has_list = settings.policy != "auto" || !settings.allowed.empty();
    const auto wanted = has_list ? missing(settings.allowed, rules) : systemd::UnitDevices();
    if (wanted.empty())
        return told;
    GRAPNEL_TRY(systemd.allow_devices(scope.unit, wanted));
    told.anew = true;
    return told;
}

bool was_reached(const Result<Told>& told) {
    return told || told.error().sys == 0;
}

/// While systemd re-executes itself it drops connections and accepts no new one.
bool is_restarting(const Error& error) {
    return error.sys == ECONNRESET || error.sys == ECONNREFUSED || error.sys == EPIPE;
}

} // namespace

HostPath pin_of_crun(std::string_view unit) {
    std::string name(unit);
    std::ranges::replace(name, '.', '_'); // a BPF file system knows no dots
    return host_path("/sys/fs/bpf/crun") / name;
}

Result<Told> tell_systemd(const OwnScope& scope, const std::vector<DeviceRule>& rules) {
    // systemd is busy for seconds while it reloads its units on a large machine
    constexpr std::chrono::seconds limit_of_bus{5};
    constexpr std::chrono::seconds limit{10};
    constexpr int attempts = 10;
    const auto start = Clock::now();
    auto told = tell(scope, rules, Way::system_bus, start + limit_of_bus);
    if (was_reached(told))
        return told;
    told = tell(scope, rules, Way::private_socket, start + limit);
    for (int more = 1; more < attempts && !told && is_restarting(told.error()); ++more) {
        systemd::wait_for_systemd();
        told = tell(scope, rules, Way::private_socket, start + limit);
    }
    return told;
}

} // namespace grapnel::devices
