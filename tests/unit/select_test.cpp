// SPDX-License-Identifier: Apache-2.0
// GPUs and MIG devices that a request chooses by name.
#include "plan/select.hpp"

#include "plan/mig_names.hpp"
#include "support/outcome.hpp"
#include "support/plan_parts.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::mig_host;
using test::request;
using test::three_gpus;
using Devices = Request::Devices;

/// "0 1:0": the chosen GPUs, and MIG devices behind theirs; or the error.
std::string chosen_by(const Request& wanted, const std::vector<Gpu>& gpus) {
    const auto selected = select_gpus(wanted, gpus);
    if (!selected)
        return selected.error().text();
    std::string text;
    for (const auto& gpu : *selected) {
        text += (text.empty() ? "" : " ") + std::to_string(gpu.index);
        for (const auto& device : gpu.mig_devices)
            text += " " + std::to_string(gpu.index) + ":" + std::to_string(device.index);
    }
    return text;
}

std::string chosen(const std::vector<std::string>& names, const std::vector<Gpu>& gpus) {
    return chosen_by(request(names), gpus);
}

struct Found {
    std::vector<std::string> names;
    const char* outcome;
};

void check_found(const std::vector<Gpu>& gpus, const std::vector<Found>& rows) {
    for (const auto& row : rows) {
        CAPTURE(row.names);
        CHECK(chosen(row.names, gpus) == row.outcome);
    }
    CHECK(chosen_by({.devices = Devices::none}, gpus).empty());
}

/// The error shows the name as `shown`, and `offered` of the host.
void check_unknown(const std::vector<Gpu>& gpus, const char* name, const std::string& shown,
                   const char* offered) {
    CAPTURE(name);
    const auto error = chosen({"0", name}, gpus);
    CAPTURE(error);
    CHECK(contains(error, "unknown device '" + shown + "'"));
    CHECK(contains(error, offered));
}

} // namespace

TEST_CASE("a GPU has index, UUID and PCI address") {
    check_found(three_gpus(), {{{"0"}, "0"},
                               {{"2", "0"}, "0 2"},
                               {{"GPU-bbbb"}, "1"},
                               {{"gpu-BBBB"}, "1"},
                               {{"bBbb"}, "1"},
                               {{"0000:0a:00.0"}, "1"},
                               {{"0:a:0.0"}, "1"},
                               {{"00000000:0A:00.0"}, "1"},
                               {{"10000:0a:00.0"}, "2"},
                               {{"00010000:0A:00.0"}, "2"},
                               {{"1", "GPU-bbbb", "0000:0a:00.0", "1"}, "1"},
                               {{}, ""}});
    CHECK(chosen_by({.devices = Devices::all}, three_gpus()) == "0 1 2");
}

TEST_CASE("a MIG device has several names") {
    check_found(mig_host().gpus, {{{"0:1"}, "0 0:1"},
                                  {{"1:0"}, "1 1:0"},
                                  {{"MIG-GPU-a/1/1"}, "0 0:1"},
                                  {{"mig-gpu-A/1/0"}, "0 0:0"},
                                  {{"GPU0-MIG1/1/1"}, "0 0:1"},
                                  {{"gpu1-mig0/2/0"}, "1 1:0"},
                                  {{"MIG-0000-1111"}, "1 1:0"},
                                  {{"mig-0000-1111"}, "1 1:0"},
                                  {{"0:1", "0:0", "GPU0-MIG1/1/1"}, "0 0:0 0:1"},
                                  {{"0", "0:1"}, "0 0:1"},
                                  {{"0:1", "0"}, "0 0:1"},
                                  {{"1", "0:0"}, "0 0:0 1"},
                                  {{"0"}, "0"},
                                  {{"GPU-b"}, "1"}});
    CHECK(chosen_by({.devices = Devices::all}, mig_host().gpus) == "0 0:0 0:1 1 1:0");
}

TEST_CASE("a PCI domain is no GPU index") {
    auto gpus = three_gpus();
    CHECK_FALSE(contains(chosen({"0:0b:00.0"}, gpus), "has no MIG device"));
    gpus[0].fault = "it fell off the bus";
    CHECK(chosen({"0:0a:00.0"}, gpus) == "1");
}

TEST_CASE("a missing MIG device names its GPU") {
    CHECK(contains(chosen({"0:1"}, three_gpus()), "unknown device '0:1': GPU 0 has no MIG device"));
}

TEST_CASE("an unknown name is refused with known ones") {
    const auto* const gpus = "0 (GPU-aaaa, 0000:01:00.0), 1 (GPU-bbbb, 0000:0a:00.0) and 2 "
                             "(GPU-cccc, 10000:0a:00.0)";
    for (const auto* const name :
         {"3", "-1", "4294967296", "GPU-bbb", "GPU-bbbbb", "bbb", "GPU-GPU-bbbb", "0000:0b:00.0",
          "0000:0a:00.1", "0a:00.0", "0000:0a:00", "nvidia0", "/dev/nvidia0", "GPU-"})
        check_unknown(three_gpus(), name, name, gpus);
    check_unknown(three_gpus(), "x\x1b", "x\\x1b", gpus);
    for (const auto* const name :
         {"0:2", "2:0", "0:-1", "0:", ":0", "0:0:", "MIG-GPU-a/1/2", "MIG-GPU-a/1", "MIG-GPU-a/",
          "MIG-GPU-a", "MIG-GPU-b/1/0", "GPU0-MIG0/1/1", "GPU0-MIG0", "GPU0", "MIG-", "MIG-000"})
        check_unknown(mig_host().gpus, name, name,
                      "0 (GPU-a, 0000:00:00.0, MIG 0:0 and 0:1) and 1 (GPU-b, 0000:01:00.0, "
                      "MIG 1:0)");
    CHECK(chosen({"0"}, {}) == "unknown device '0': this host has no NVIDIA GPU");
}

TEST_CASE("an empty UUID is no name") {
    auto gpus = three_gpus();
    gpus[0].uuid.clear();
    CHECK(contains(chosen({""}, gpus), "unknown device ''"));
    auto with_mig = mig_host().gpus;
    with_mig[0].uuid.clear();
    for (const auto* const name : {"MIG-/1/0", "/1/0", "MIG-", ""}) {
        CAPTURE(name);
        CHECK(contains(chosen({name}, with_mig), "unknown device"));
    }
}

TEST_CASE("a short UUID prefix names the least length") {
    for (const auto* const name : {"MIG-", "MIG-000", "mig-00-0", "gpu-", "GPU-abc-"}) {
        CAPTURE(name);
        CHECK(contains(chosen({name}, mig_host().gpus),
                       "a UUID prefix needs at least four hexadecimal digits after '"
                           + std::string(name).substr(0, 4) + "'"));
    }
    for (const auto* const name : {"MIG-0009", "GPU-xyz", "GPU", "abc", "MIG-GPU-abc/1/0"}) {
        CAPTURE(name);
        CHECK_FALSE(contains(chosen({name}, mig_host().gpus), "UUID prefix"));
    }
}

TEST_CASE("missing UUIDs alone need the driver's library") {
    const auto inventory = mig_host();
    CHECK(needs_mig_uuids(request({"0", "MIG-2222"}), inventory));
    CHECK(needs_mig_uuids(request({"mig-2222"}), inventory));
    for (const auto* const name :
         {"MIG-0000-1111", "MIG-GPU-a/1/0", "MIG-GPU-x/1/0", "0:0", "0", "GPU-a", "nonsense"}) {
        CAPTURE(name);
        CHECK_FALSE(needs_mig_uuids(request({name}), inventory));
    }
    CHECK_FALSE(needs_mig_uuids({.devices = Devices::all}, inventory));
    auto named = inventory;
    for (auto& device : named.gpus[0].mig_devices)
        device.uuid = "MIG-x";
    CHECK_FALSE(needs_mig_uuids(request({"MIG-2222"}), named));
    CHECK(contains(chosen({"MIG-2222"}, inventory.gpus), "the driver's library alone"));
    CHECK_FALSE(contains(chosen({"MIG-2222"}, named.gpus), "the driver's library alone"));
}

TEST_CASE("a request without MIG skips MIG devices") {
    CHECK(needs_mig_devices({.devices = Devices::all}));
    for (const auto* const name : {"0:0", "MIG-x", "mig-GPU-x/0/0", "GPU0-MIG0/0/0"}) {
        CAPTURE(name);
        CHECK(needs_mig_devices(request({"0", name})));
    }
    CHECK_FALSE(needs_mig_devices(request({"0", "GPU-a", "0000:01:00.0"})));
    CHECK_FALSE(needs_mig_devices({.devices = Devices::none}));
}

TEST_CASE("a sick GPU is refused by name alone") {
    auto gpus = three_gpus();
    gpus[1].fault = "it fell off the bus";
    gpus[1].minor.reset();
    CHECK(chosen_by({.devices = Devices::all}, gpus) == "0 2");
    CHECK(chosen({"0", "2"}, gpus) == "0 2");
    CHECK(contains(chosen({"1"}, gpus),
                   "GPU 1 (0000:0a:00.0) cannot be given to a container: it fell off the bus"));
    for (auto& gpu : gpus)
        gpu.fault = "it fell off the bus";
    CHECK(contains(chosen_by({.devices = Devices::all}, gpus),
                   "GPU 0 (0000:01:00.0) cannot be given to a container"));
}

TEST_CASE("a sick MIG device is refused by name") {
    auto gpus = mig_host().gpus;
    gpus[0].mig_devices[1].fault = "it is gone";
    CHECK(contains(chosen({"0:1"}, gpus), "it is gone"));
    CHECK(chosen_by({.devices = Devices::all}, gpus) == "0 0:0 1 1:0");
    gpus[0].fault = "fallen off the bus";
    gpus[0].mig_devices.clear();
    for (const auto* const name : {"0:1", "gpu0-mig0/1/0", "MIG-GPU-a/1/0"}) {
        CAPTURE(name);
        CHECK(contains(chosen({name}, gpus), "fallen off the bus"));
    }
}
