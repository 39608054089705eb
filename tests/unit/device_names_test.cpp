// SPDX-License-Identifier: Apache-2.0
// CDI names, and who may ask by annotations.
#include "base/cdi_name.hpp"
#include "request/request.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;
using Devices = Request::Devices;

Result<Asked> asked(const std::string& list, const Settings& settings = {}) {
    return make_request({.root_path = "r", .environment = {"NVIDIA_VISIBLE_DEVICES=" + list}},
                        settings);
}

std::string groups_text(const DeviceGroups& groups) {
    std::string text;
    for (const auto group : groups)
        text += " " + std::string(device_group_names[static_cast<std::size_t>(group)]);
    return text;
}

/// What is asked for in a line: "no driver", "all", "none" or the GPUs; groups; channels.
std::string summary(const Result<Asked>& result) {
    if (!result)
        return result.error().text();
    if (!result->request)
        return "no request";
    const auto& request = *result->request;
    std::string text = !request.driver                    ? "no driver"
                       : request.devices == Devices::all  ? "all"
                       : request.devices == Devices::none ? "none"
                                                          : "list";
    for (const auto& one : request.listed)
        text += " " + one.text();
    text += groups_text(request.device_groups);
    if (request.imex_channels.all)
        text += " channels";
    for (const auto channel : request.imex_channels.listed)
        text += " channel" + std::to_string(channel);
    return text + (request.management ? " management" : "");
}

Spec annotated(const std::string& value) {
    return {.root_path = "r", .annotations = {{"cdi.k8s.io/plugin_gpu", value}}};
}

} // namespace

TEST_CASE("a CDI name has kind and device") {
    CHECK(parse_cdi_name("nvidia.com/gpu=0") == CdiName{"nvidia.com", "gpu", "0"});
    CHECK(parse_cdi_name("a/b=c=d/e") == CdiName{"a", "b", "c=d/e"});
    for (const auto* const word : {"", "=", "0", "a/b", "a/b=", "/b=c", "a/=c", "a=b", "a/b/c=d",
                                   "1a/b=c", "a/1=c", "a b/c=d", "../x=1"}) {
        CAPTURE(word);
        CHECK_FALSE(parse_cdi_name(word));
    }
    CHECK(is_cdi_kind("nvidia.com/imex-channel"));
    CHECK_FALSE(is_cdi_kind("nvidia.com"));
}

TEST_CASE("CDI names of each kind") {
    struct Row {
        const char* list;
        const char* outcome;
    };
    const Row rows[] = {
        {"nvidia.com/gpu=0,1", "list 0 1"},
        {"runtime.nvidia.com/gpu=0,nvidia.com/gpu=0", "list 0"},
        {"k8s.device-plugin.nvidia.com/gpu=GPU-1", "list GPU-1"},
        {"nvidia.com/gpu=none", "none"},
        {"0,nvidia.com/gpu=all", "all"},
        {"nvidia.com/gds=all", "no driver GDS"},
        {"nvidia.com/gds", "no driver GDS"},
        {"0,nvidia.com/mofed=all,nvidia.com/gdrcopy,nvidia.com/nvswitch=all",
         "list 0 MOFED GDRCOPY NVSWITCH"},
        {"none,nvidia.com/gds=all", "none GDS"},
        {"nvidia.com/gds=all,all", "all GDS"},
        {"nvidia.com/gds=all,void", "no request"},
        {"nvidia.com/imex-channel=3,nvidia.com/imex-channel=channel0",
         "no driver channel0 channel3"},
        {"0,nvidia.com/imex-channel=all", "list 0 channels"},
        {"nvidia.com/gpu=MIG-GPU-1/2/0", "list MIG-GPU-1/2/0"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.list);
        CHECK(summary(asked(row.list)) == row.outcome);
    }
}

TEST_CASE("unknown devices and vendors are refused by name") {
    struct Row {
        const char* name;
        const char* error;
    };
    const Row rows[] = {
        {"nvidia.com/gds=0",
         "unknown device 'nvidia.com/gds=0': 'all' is the only one of its kind"},
        {"management.nvidia.com/gpu=0", "'all' is the only one"},
        {"nvidia.com/imex-channel=1048576", "'1048576' is no IMEX channel"},
        {"vendor.com/x=y", "unknown device 'vendor.com/x=y': its kind is none of NVIDIA's devices: "
                           "have the engine give it by a CDI file"},
        {"nvidia.com/other=0", "its kind is none"},
        {"management.nvidia.com/gds=all", "its kind is none"},
        {"management.nvidia.com/gpu=all", "needs a privileged container"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        CHECK(contains(summary(asked("all," + std::string(row.name))), row.error));
        Settings strict;
        strict.accept_environment_when_unprivileged = false;
        CHECK(summary(asked(row.name, strict)) == "no request");
    }
}

TEST_CASE("management needs privilege and brings all") {
    Spec spec{.root_path = "r",
              .environment = {"NVIDIA_VISIBLE_DEVICES=0,management.nvidia.com/gpu=all"},
              .bounding_sys_admin = true};
    CHECK(summary(make_request(spec, {})) == "all channels management");
    Settings settings;
    settings.ignore_imex_channel_requests = true;
    CHECK(summary(make_request(spec, settings)) == "all management");
    // an annotation can be a user's: it is no privilege
    const auto error = summary(make_request(annotated("management.nvidia.com/gpu=all"), {}));
    CHECK(contains(error, "management.nvidia.com/gpu needs a privileged container"));
}

TEST_CASE("plain names get default-kind in mode cdi alone") {
    Settings settings;
    settings.default_kind = "nvidia.com/imex-channel";
    for (const auto mode : {RuntimeMode::automatic, RuntimeMode::jit_cdi, RuntimeMode::legacy}) {
        settings.mode = mode;
        CHECK(summary(asked("3", settings)) == "list 3");
    }
    settings.mode = RuntimeMode::cdi;
    CHECK(summary(asked("3,nvidia.com/gpu=1,nvidia.com/gds", settings)) == "list 1 GDS channel3");
    CHECK(summary(asked("none", settings)) == "none");
    settings.default_kind = "management.nvidia.com/gpu";
    CHECK(contains(summary(asked("all", settings)), "needs a privileged container"));
    settings.default_kind = "vendor.com/gpu";
    CHECK(contains(summary(asked("all", settings)), "'vendor.com/gpu=all'"));
}

TEST_CASE("annotations come first in modes with annotations") {
    auto spec = annotated("nvidia.com/gpu=1, nvidia.com/gds=all");
    spec.environment = {"NVIDIA_VISIBLE_DEVICES=0"};
    spec.mounts = {{.source = "/dev/null", .destination = "/var/run/nvidia-container-devices/2"}};
    Settings settings;
    settings.accept_volume_mounts = true;
    for (const auto mode : {RuntimeMode::automatic, RuntimeMode::cdi}) {
        settings.mode = mode;
        CHECK(summary(make_request(spec, settings)) == "list 1 GDS");
    }
    for (const auto mode : {RuntimeMode::csv, RuntimeMode::jit_cdi, RuntimeMode::legacy}) {
        settings.mode = mode;
        CHECK(summary(make_request(spec, settings)) == "list 2");
    }
    settings.mode = RuntimeMode::automatic;
    settings.annotation_prefixes = {"nvidia.cdi.k8s.io/"};
    CHECK(summary(make_request(spec, settings)) == "list 2");
    settings.annotation_prefixes = {};
    CHECK(summary(make_request(spec, settings)) == "list 2");
    settings = {};
    spec.environment = {"NVIDIA_VISIBLE_DEVICES=void"};
    CHECK(summary(make_request(spec, settings)) == "list 1 GDS");
}

TEST_CASE("in mode auto annotations count like the environment") {
    Settings strict;
    strict.accept_environment_when_unprivileged = false;
    auto spec = annotated("nvidia.com/gpu=1");
    const auto nothing = make_request(spec, strict);
    CHECK(summary(nothing) == "no request");
    REQUIRE(nothing);
    REQUIRE(nothing->notices.list.size() == 1);
    CHECK(contains(nothing->notices.list.front().text, "mode = \"cdi\" accepts annotations"));
    spec.bounding_sys_admin = true;
    CHECK(summary(make_request(spec, strict)) == "list 1");
    spec.bounding_sys_admin = false;
    strict.mode = RuntimeMode::cdi;
    CHECK(summary(make_request(spec, strict)) == "list 1");
}

TEST_CASE("annotations of other vendors are the engine's") {
    const auto others = make_request(annotated("vendor.com/x=y"), {});
    CHECK(summary(others) == "no request");
    REQUIRE(others);
    CHECK(contains(others->notices.list.front().text, "'vendor.com/x=y' is passed over"));
    CHECK(summary(make_request(annotated("vendor.com/x=y,nvidia.com/gpu=0"), {})) == "list 0");
    CHECK(contains(summary(make_request(annotated("0"), {})),
                   "annotation 'cdi.k8s.io/plugin_gpu': '0' is no CDI name"));
    CHECK(contains(summary(make_request(annotated("nvidia.com/gds=1"), {})),
                   "annotation 'cdi.k8s.io/plugin_gpu': unknown device"));
}

TEST_CASE("volume mounts name each kind") {
    Settings settings;
    settings.accept_volume_mounts = true;
    const auto mounted = [&](const char* name) {
        return summary(make_request(
            {.root_path = "r",
             .mounts = {{.source = "/dev/null",
                         .destination = "/var/run/nvidia-container-devices/" + std::string(name)}}},
            settings));
    };
    CHECK(mounted("cdi/nvidia.com/gds/all") == "no driver GDS");
    CHECK(mounted("cdi/nvidia.com/imex-channel=4") == "no driver channel4");
    CHECK(mounted("cdi/nvidia.com/gpu/0") == "list 0");
    CHECK(contains(mounted("cdi/vendor.com/x/y"), "volume mount: unknown device 'vendor.com/x=y'"));
    CHECK(contains(mounted("cdi/management.nvidia.com/gpu/all"), "needs a privileged container"));
    CHECK(mounted("cdi/../x") == "no request");
    CHECK(mounted("cdi/x") == "list cdi/x");
}

TEST_CASE("names and variables ask for IMEX channels together") {
    Spec spec{.root_path = "r",
              .environment = {"NVIDIA_VISIBLE_DEVICES=0,nvidia.com/imex-channel=3",
                              "NVIDIA_IMEX_CHANNELS=1,3", "NVIDIA_GDS=enabled"}};
    CHECK(summary(make_request(spec, {})) == "list 0 GDS channel1 channel3");
    Settings settings;
    settings.ignore_imex_channel_requests = true;
    CHECK(summary(make_request(spec, settings)) == "list 0 GDS");
    CHECK(summary(asked("nvidia.com/imex-channel=3", settings)) == "no request");
}

TEST_CASE("without the driver there are no requirements") {
    const auto result = make_request(
        {.root_path = "r",
         .environment = {"NVIDIA_VISIBLE_DEVICES=nvidia.com/mofed=all",
                         "NVIDIA_REQUIRE_CUDA=nonsense", "NVIDIA_DRIVER_CAPABILITIES=nonsense"}},
        {});
    CAPTURE(error_of(result));
    REQUIRE(result);
    CHECK(result->request->driver_capabilities.empty());
    CHECK(result->request->requirements.empty());
}

TEST_CASE("a long list of channels is read once") {
    std::string list = "0";
    for (int i = 0; i < 100'000; ++i)
        list += ",nvidia.com/imex-channel=" + std::to_string(i % 50'000);
    const auto result = asked(list);
    REQUIRE(result);
    CHECK(result->request->imex_channels.listed.size() == 50'000);
}
