// SPDX-License-Identifier: Apache-2.0
#include "systemd/manager.hpp"

#include "base/format.hpp"
#include "base/path.hpp"
#include "base/text.hpp"

#include <cerrno>
#include <poll.h>

namespace grapnel::systemd {

namespace {

constexpr auto service = "org.freedesktop.systemd1";
constexpr auto bus_itself = "org.freedesktop.DBus";

/// An error that a call was answered with.
Error answered(const Message& message) {
    const auto text = error_text(message);
    const auto what = printable(text.empty() ? message.error : text);
    if (message.sender == bus_itself) // systemd is not on the bus, or lets nobody reach it there
        return {.kind = Error::Kind::system, .what = "D-Bus: " + what, .sys = ECONNRESET};
    return refused("systemd: " + what);
}

Status check(const Message& message) {
    if (message.type == Type::error)
        return answered(message);
    return {};
}

Result<Connection> connect_to_bus(Deadline deadline) {
    auto bus = GRAPNEL_TRY(Connection::open(host_path("/run/dbus/system_bus_socket"), deadline));
    const auto answers = GRAPNEL_TRY(bus.make({{.destination = bus_itself,
                                                .path = "/org/freedesktop/DBus",
                                                .interface = bus_itself,
                                                .member = "Hello"}}));
    GRAPNEL_TRY(check(answers.front()));
    return bus;
}

Call property(std::string_view scope, std::string_view interface, std::string_view name) {
    Writer arguments;
    arguments.string(format_text("{}.{}", service, interface));
    arguments.string(name);
    return {.destination = service,
            .path = unit_object(scope),
            .interface = "org.freedesktop.DBus.Properties",
            .member = "Get",
            .signature = "ss",
            .arguments = arguments.bytes()};
}

} // namespace

void wait_for_systemd() {
    constexpr int tenth_of_a_second = 100;
    (void)poll(nullptr, 0, tenth_of_a_second);
}

std::string unit_object(std::string_view unit) {
    std::string out = "/org/freedesktop/systemd1/unit/";
    for (std::size_t i = 0; i < unit.size(); ++i) {
        const char c = unit[i];
        const bool digit = c >= '0' && c <= '9';
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (digit && i > 0))
            out += c;
        else
            out += format_text("_{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

Result<Systemd> Systemd::connect(Way way, Deadline deadline) {
    if (way == Way::system_bus)
        return Systemd(GRAPNEL_TRY(connect_to_bus(deadline)));
    return Systemd(GRAPNEL_TRY(Connection::open(host_path("/run/systemd/private"), deadline)));
}

Result<UnitDeviceSettings> Systemd::device_settings(std::string_view scope) {
    const auto answers = GRAPNEL_TRY(bus_.make(
        {property(scope, "Scope", "ControlGroup"), property(scope, "Scope", "DevicePolicy"),
         property(scope, "Scope", "DeviceAllow"), property(scope, "Scope", "BPFProgram")}));
    for (std::size_t i = 0; i < 3; ++i)
        GRAPNEL_TRY(check(answers[i]));
    UnitDeviceSettings out;
    out.cgroup = GRAPNEL_TRY(string_in_variant(answers[0]));
    out.policy = GRAPNEL_TRY(string_in_variant(answers[1]));
    out.allowed = GRAPNEL_TRY(pairs_in_variant(answers[2]));
    if (check(answers[3])) // before systemd 249 there is no such property
        out.programs = GRAPNEL_TRY(pairs_in_variant(answers[3]));
    return out;
}

Status Systemd::allow_devices(std::string_view scope, const UnitDevices& devices) {
    Writer arguments;
    arguments.string(scope);
    arguments.number(1); // until the unit ends, not for good
    const auto properties = arguments.begin_array(8);
    arguments.structure();
    arguments.string("DeviceAllow");
    arguments.signature("a(ss)");
    const auto list = arguments.begin_array(8);
    for (const auto& [device, access] : devices) {
        arguments.structure();
        arguments.string(device);
        arguments.string(access);
    }
    arguments.end_array(list);
    arguments.end_array(properties);
    const auto answers = GRAPNEL_TRY(bus_.make({{.destination = service,
                                                 .path = "/org/freedesktop/systemd1",
                                                 .interface = "org.freedesktop.systemd1.Manager",
                                                 .member = "SetUnitProperties",
                                                 .signature = "sba(sv)",
                                                 .arguments = arguments.bytes()}}));
    return check(answers.front());
}

} // namespace grapnel::systemd
