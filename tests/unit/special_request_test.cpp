// SPDX-License-Identifier: Apache-2.0
// What a container asks for beside GPUs.
#include "request/request.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;
using Environment = std::vector<std::string>;

SpecMount volume(const char* name) {
    return {.source = "/dev/null",
            .destination = "/var/run/nvidia-container-devices/" + std::string(name)};
}

std::string imex_text(const Result<Asked>& result) {
    if (!result)
        return result.error().text();
    const auto& channels = result->request->imex_channels;
    std::string text = channels.all ? "all" : "";
    for (const auto channel : channels.listed)
        text += (text.empty() ? "" : " ") + std::to_string(channel);
    return text;
}

} // namespace

TEST_CASE("MIG management needs privilege and all") {
    for (const auto* const name : {"NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"}) {
        CAPTURE(name);
        Spec spec{.root_path = "r",
                  .environment = {"NVIDIA_VISIBLE_DEVICES=all", std::string(name) + "=0"}};
        CHECK(error_of(make_request(spec, {}))
              == std::string(name)
                     + " needs a privileged container: start it with CAP_SYS_ADMIN, or leave the "
                       "variable out");
        spec.bounding_sys_admin = true;
        CHECK(contains(error_of(make_request(spec, {})), "'all' is the only value"));
        for (const auto* const value : {"=all", "=ALL", "= all "}) {
            CAPTURE(value);
            spec.environment.back() = std::string(name) + value;
            const auto asked = make_request(spec, {});
            REQUIRE(asked);
            const bool config = name == std::string("NVIDIA_MIG_CONFIG_DEVICES");
            CHECK(asked->request->mig_config == config);
            CHECK(asked->request->mig_monitor != config);
        }
        spec.bounding_sys_admin = false;
        spec.environment.back() = std::string(name) + "=";
        const auto asked = make_request(spec, {});
        REQUIRE(asked);
        CHECK_FALSE(asked->request->mig_config);
        CHECK_FALSE(asked->request->mig_monitor);
    }
}

TEST_CASE("IMEX channels come from mounts, then the variable") {
    struct Row {
        const char* what;
        Environment environment;
        std::vector<SpecMount> mounts;
        const char* channels;
    };
    const Row rows[] = {
        {"unset", {}, {}, ""},
        {"unset in a legacy image", {"CUDA_VERSION=12.0"}, {}, ""},
        {"one", {"NVIDIA_IMEX_CHANNELS=0"}, {}, "0"},
        {"several, sorted, once", {"NVIDIA_IMEX_CHANNELS=7, 0,channel7,channel12"}, {}, "0 7 12"},
        {"the largest", {"NVIDIA_IMEX_CHANNELS=1048575"}, {}, "1048575"},
        {"none", {"NVIDIA_IMEX_CHANNELS=none"}, {}, ""},
        {"none before others", {"NVIDIA_IMEX_CHANNELS=none,0"}, {}, ""},
        {"void among others", {"NVIDIA_IMEX_CHANNELS=all,0,void"}, {}, ""},
        {"all", {"NVIDIA_IMEX_CHANNELS=all"}, {}, "all"},
        {"all among others", {"NVIDIA_IMEX_CHANNELS=0,ALL"}, {}, "all"},
        {"empty", {"NVIDIA_IMEX_CHANNELS="}, {}, ""},
        {"by mount", {}, {volume("0"), volume("imex/3"), volume("imex/channel1")}, "1 3"},
        {"a mount hides the variable", {"NVIDIA_IMEX_CHANNELS=0"}, {volume("imex/3")}, "3"},
        {"all by mount", {"NVIDIA_IMEX_CHANNELS=0"}, {volume("imex/3"), volume("imex/all")}, "all"},
        {"a GPU's mount hides nothing", {"NVIDIA_IMEX_CHANNELS=5"}, {volume("0")}, "5"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        Settings settings;
        settings.accept_volume_mounts = true;
        auto environment = row.environment;
        environment.emplace_back("NVIDIA_VISIBLE_DEVICES=0");
        const Spec spec{.root_path = "r", .environment = environment, .mounts = row.mounts};
        CHECK(imex_text(make_request(spec, settings)) == row.channels);
        settings.ignore_imex_channel_requests = true;
        CHECK(imex_text(make_request(spec, settings)).empty());
    }
}

TEST_CASE("an invalid IMEX channel is refused anywhere") {
    Settings settings;
    settings.accept_volume_mounts = true;
    for (const auto* const name : {"1048576", "4294967296", "-1", "+1", "0x1", "../x", "channel",
                                   "channels1", "channel-1", "Channel1", "1 2", "x"}) {
        CAPTURE(name);
        Spec spec{.root_path = "r",
                  .environment = {"NVIDIA_VISIBLE_DEVICES=0",
                                  "NVIDIA_IMEX_CHANNELS=0," + std::string(name)}};
        CHECK(contains(error_of(make_request(spec, settings)), "is no IMEX channel"));
        spec.environment.pop_back();
        if (std::string_view(name).starts_with(".."))
            continue; // no path that a mount can have
        spec.mounts = {volume(("imex/" + std::string(name)).c_str())};
        CHECK(contains(error_of(make_request(spec, settings)), "is no IMEX channel"));
    }
}

TEST_CASE("device groups are asked for by enabled") {
    struct Row {
        const char* variable;
        DeviceGroups groups;
        bool warned;
    };
    const Row rows[] = {
        {"NVIDIA_GDS=enabled", {DeviceGroup::gds}, false},
        {"NVIDIA_MOFED=enabled", {DeviceGroup::mofed}, false},
        {"NVIDIA_GDRCOPY=enabled", {DeviceGroup::gdrcopy}, false},
        {"NVIDIA_NVSWITCH=enabled", {DeviceGroup::nvswitch}, false},
        {"NVIDIA_GDS=", {}, false},
        {"NVIDIA_GDS=1", {}, true},
        {"NVIDIA_GDS=Enabled", {}, true},
        {"NVIDIA_GDS= enabled", {}, true},
        {"NVIDIA_GDS=enabled,enabled", {}, true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.variable);
        const Spec spec{.root_path = "r",
                        .environment = {"NVIDIA_VISIBLE_DEVICES=0", row.variable}};
        const auto asked = make_request(spec, {});
        REQUIRE(asked);
        CHECK(asked->request->device_groups == row.groups);
        CHECK(asked->notices.list.empty() != row.warned);
    }
}

TEST_CASE("an untrusted environment is a warning") {
    Settings settings;
    settings.accept_volume_mounts = true;
    settings.accept_environment_when_unprivileged = false;
    Spec spec{.root_path = "r",
              .environment = {"NVIDIA_GDS=enabled", "NVIDIA_IMEX_CHANNELS=0"},
              .mounts = {volume("0")}};
    const auto asked = make_request(spec, settings);
    REQUIRE(asked);
    CHECK(asked->request->device_groups.empty());
    CHECK(asked->request->imex_channels.empty());
    CHECK(asked->notices.list.size() == 2);
    spec.bounding_sys_admin = true;
    const auto privileged = make_request(spec, settings);
    REQUIRE(privileged);
    CHECK(privileged->request->device_groups == DeviceGroups{DeviceGroup::gds});
    CHECK(imex_text(privileged) == "0");
    CHECK(privileged->notices.list.empty());
}

TEST_CASE("a list as long as config.json is read") {
    std::string list;
    for (unsigned i = 100'000; i > 0; --i)
        list += std::to_string(i) + ",";
    const auto asked = make_request(
        {.root_path = "r",
         .environment = {"NVIDIA_VISIBLE_DEVICES=" + list, "NVIDIA_IMEX_CHANNELS=" + list + list}},
        {});
    REQUIRE(asked);
    CHECK(asked->request->listed.size() == 100'000);
    CHECK(asked->request->imex_channels.listed.size() == 100'000);
}
