// SPDX-License-Identifier: Apache-2.0
#include "request/request.hpp"
#include "request/requirement.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;
using Devices = Request::Devices;
using Environment = std::vector<std::string>;

Result<Asked> asked(Environment environment, const Settings& settings = {}) {
    return make_request({.root_path = "r", .environment = std::move(environment)}, settings);
}

/// "no request", "all", "none" or the list between commas; an error's line for an error.
std::string devices_text(const Result<Asked>& result) {
    if (!result)
        return result.error().text();
    if (!result->request)
        return "no request";
    switch (result->request->devices) {
    case Devices::all:
        return "all";
    case Devices::none:
        return "none";
    case Devices::listed:
        break;
    }
    std::string text = "list";
    for (const auto& one : result->request->listed)
        text += " " + one.text();
    return text;
}

std::string capabilities_text(const Result<Asked>& result) {
    if (!result || !result->request)
        return devices_text(result);
    std::string text;
    for (const auto& name : result->request->driver_capabilities.names())
        text += (text.empty() ? "" : " ") + name;
    return text;
}

std::string requirements_text(const Result<Asked>& result) {
    if (!result || !result->request)
        return devices_text(result);
    std::string text;
    for (const auto& requirement : result->request->requirements)
        text += "[" + requirement.text + "]";
    return text;
}

SpecMount volume(const char* name) {
    return {.source = "/dev/null",
            .destination = "/var/run/nvidia-container-devices/" + std::string(name)};
}

} // namespace

TEST_CASE("NVIDIA_VISIBLE_DEVICES says which GPUs") {
    struct Row {
        const char* value;
        const char* devices;
    };
    const Row rows[] = {
        {"", "no request"},
        {",", "no request"},
        {" , ,", "no request"},
        {"void", "no request"},
        {"0,void", "no request"},
        {"all,void", "no request"},
        {"none,void", "no request"},
        {"all", "all"},
        {"ALL", "all"},
        {" all ", "all"},
        {"0,all", "all"},
        {"all,none", "all"},
        {"none", "none"},
        {"none,0", "none"},
        {"0,none", "none"},
        {"none,all", "none"},
        {"0", "list 0"},
        {"1,0", "list 1 0"},
        {"0,0", "list 0"},
        {"0, 1 ,,0", "list 0 1"},
        {"GPU-1,0000:01:00.0", "list GPU-1 0000:01:00.0"},
        {"Void", "no request"},
        {"None", "none"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.value);
        CHECK(devices_text(asked({"NVIDIA_VISIBLE_DEVICES=" + std::string(row.value)}))
              == row.devices);
    }
    CHECK(devices_text(asked({})) == "no request");
    CHECK(devices_text(asked({"NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_VISIBLE_DEVICES=void"}))
          == "no request");
    CHECK(devices_text(asked({"NVIDIA_VISIBLE_DEVICES"})) == "no request");
}

TEST_CASE("a legacy image asks for all by default") {
    struct Row {
        Environment environment;
        const char* devices;
    };
    const Row rows[] = {
        {{"CUDA_VERSION=9.0"}, "all"},
        {{"CUDA_VERSION=9.0", "NVIDIA_REQUIRE_CUDA="}, "all"},
        {{"CUDA_VERSION=9.0", "NVIDIA_REQUIRE_CUDA=cuda>=9.0"}, "no request"},
        {{"CUDA_VERSION="}, "no request"},
        {{"CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES="}, "no request"},
        {{"CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=void"}, "no request"},
        {{"CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=1"}, "list 1"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.environment);
        CHECK(devices_text(asked(row.environment)) == row.devices);
    }
}

TEST_CASE("swarm variables that are set stand for NVIDIA_VISIBLE_DEVICES") {
    Settings settings;
    settings.swarm_resources = {"SWARM_A", "SWARM_B"};
    struct Row {
        Environment environment;
        const char* devices;
    };
    const Row rows[] = {
        {{"NVIDIA_VISIBLE_DEVICES=0"}, "list 0"},
        {{"SWARM_A=1", "NVIDIA_VISIBLE_DEVICES=0"}, "list 1"},
        {{"SWARM_B=2", "SWARM_A=1"}, "list 1 2"},
        {{"SWARM_A=1", "SWARM_B=1"}, "list 1"},
        {{"SWARM_A=", "NVIDIA_VISIBLE_DEVICES=0"}, "no request"},
        {{"SWARM_A=", "SWARM_B=2"}, "list 2"},
        {{"SWARM_A=none", "SWARM_B=2"}, "none"},
        {{"SWARM_A=1", "SWARM_B=void"}, "no request"},
        {{"CUDA_VERSION=9.0", "SWARM_A="}, "no request"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.environment);
        CHECK(devices_text(asked(row.environment, settings)) == row.devices);
    }
}

TEST_CASE("volume mounts name devices if accepted") {
    Settings accepting;
    accepting.accept_volume_mounts = true;
    struct Row {
        const char* what;
        std::vector<SpecMount> mounts;
        const char* devices;
    };
    const Row rows[] = {
        {"one", {volume("GPU-1")}, "list GPU-1"},
        {"two, and one twice", {volume("1"), volume("0"), volume("1")}, "list 1 0"},
        {"all", {volume("0"), volume("all")}, "all"},
        {"slashes around", {volume("/GPU-1//")}, "list GPU-1"},
        {"void and none are no special words here",
         {volume("none"), volume("void")},
         "list none void"},
        {"another source",
         {{.source = "/dev/zero", .destination = volume("0").destination}},
         "list env"},
        {"a source that leads to /dev/null",
         {{.source = "//dev/./null", .destination = volume("0").destination}},
         "list 0"},
        {"the directory alone",
         {{.source = "/dev/null", .destination = "/var/run/nvidia-container-devices"}},
         "list env"},
        {"a directory whose name only begins so",
         {{.source = "/dev/null", .destination = "/var/run/nvidia-container-devicesX/0"}},
         "list env"},
        {"a destination that climbs",
         {{.source = "/dev/null",
           .destination = "/var/run/nvidia-container-devices/../nvidia-container-devices/0"}},
         "list env"},
        {"relative paths", {{.source = "null", .destination = "nvidia"}}, "list env"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const Spec spec{
            .root_path = "r", .environment = {"NVIDIA_VISIBLE_DEVICES=env"}, .mounts = row.mounts};
        CHECK(devices_text(make_request(spec, accepting)) == row.devices);
        CHECK(devices_text(make_request(spec, {})) == "list env");
    }
}

TEST_CASE("settings decide on unprivileged containers' variables") {
    Settings strict;
    strict.accept_environment_when_unprivileged = false;
    Spec spec{.root_path = "r", .environment = {"NVIDIA_VISIBLE_DEVICES=all"}};
    const auto refused_quietly = make_request(spec, strict);
    REQUIRE(refused_quietly);
    CHECK_FALSE(refused_quietly->request);
    REQUIRE(refused_quietly->notices.list.size() == 1);
    CHECK(contains(refused_quietly->notices.list.front().text, "'all'"));

    spec.bounding_sys_admin = true;
    CHECK(devices_text(make_request(spec, strict)) == "all");

    SUBCASE("a container that asks for nothing is not warned of") {
        const auto nothing = asked({"NVIDIA_VISIBLE_DEVICES=void"}, strict);
        REQUIRE(nothing);
        CHECK(nothing->notices.list.empty());
    }
    SUBCASE("a legacy image asks by its environment too") {
        CHECK(devices_text(asked({"CUDA_VERSION=9.0"}, strict)) == "no request");
    }
    SUBCASE("volume mounts need no privilege: the engine, not the image, makes them") {
        strict.accept_volume_mounts = true;
        CHECK(devices_text(make_request({.root_path = "r", .mounts = {volume("0")}}, strict))
              == "list 0");
    }
}

TEST_CASE("unsupported NVIDIA_DRIVER_CAPABILITIES are reported") {
    using enum DriverCapability;
    const std::string all = "compat32 compute display graphics ngx utility video";
    struct Row {
        const char* what;
        std::optional<std::string> value;
        bool legacy;
        DriverCapabilities supported;
        std::string outcome;
    };
    const auto every = DriverCapabilities::all();
    const Row rows[] = {
        {"unset", {}, false, every, "compute utility"},
        {"unset, little supported", {}, false, {compute, video}, "compute"},
        {"unset, nothing supported", {}, false, {}, ""},
        {"unset in a legacy image", {}, true, every, all},
        {"unset in a legacy image, little supported", {}, true, {video}, "video"},
        {"empty", "", false, every, "compute utility"},
        {"empty in a legacy image", "", true, every, "compute utility"},
        {"all", "all", false, every, all},
        {"all of what is supported", "all", false, {video, compute}, "compute video"},
        {"all among others", "video,all", false, every, all},
        {"a list", "video, compute", false, every, "compute video"},
        {"a name twice", "compute,compute", false, every, "compute"},
        {"only commas", ",", false, every, ""},
        {"only blanks", " ", false, every, ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        Environment environment{"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DISABLE_REQUIRE=1"};
        if (row.value)
            environment.push_back("NVIDIA_DRIVER_CAPABILITIES=" + *row.value);
        if (row.legacy)
            environment.push_back("CUDA_VERSION=9.0");
        Settings settings;
        settings.supported_driver_capabilities = row.supported;
        CHECK(capabilities_text(asked(environment, settings)) == row.outcome);
    }
}

TEST_CASE("an unknown or unsupported capability is refused") {
    using enum DriverCapability;
    Settings settings;
    settings.supported_driver_capabilities = {compute, utility};
    struct Row {
        const char* value;
        const char* error;
    };
    const Row rows[] = {
        {"none", "unknown driver capability 'none'"},
        {"All", "unknown driver capability 'All'"},
        {"compute,vide\x1bo", "unknown driver capability 'vide\\x1bo'"},
        {"compute utility", "unknown driver capability 'compute utility'"},
        {"video", "driver capability 'video' is not supported here: supported-driver-capabilities "
                  "in the settings allows compute and utility"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.value);
        const auto error = devices_text(asked(
            {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=" + std::string(row.value)},
            settings));
        CAPTURE(error);
        CHECK(error.starts_with("NVIDIA_DRIVER_CAPABILITIES: "));
        CHECK(contains(error, row.error));
    }
    settings.supported_driver_capabilities = {};
    CHECK(
        contains(devices_text(asked(
                     {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=video"}, settings)),
                 "allows none"));
}

TEST_CASE("a container without a request is never refused") {
    for (const auto& nonsense :
         {"NVIDIA_DRIVER_CAPABILITIES=nonsense", "NVIDIA_REQUIRE_CUDA=nonsense",
          "NVIDIA_MIG_CONFIG_DEVICES=all", "NVIDIA_IMEX_CHANNELS=0", "NOEQUALS"}) {
        CAPTURE(nonsense);
        CHECK(devices_text(asked({nonsense})) == "no request");
        CHECK(devices_text(asked({nonsense, "NVIDIA_VISIBLE_DEVICES=void"})) == "no request");
    }
}

TEST_CASE("requirements follow their variables' names") {
    struct Row {
        const char* what;
        Environment environment;
        const char* requirements;
    };
    const Row rows[] = {
        {"none", {}, ""},
        {"sorted",
         {"NVIDIA_REQUIRE_B=driver>=1", "NVIDIA_REQUIRE_A=cuda>=2"},
         "[cuda>=2][driver>=1]"},
        {"the last value counts",
         {"NVIDIA_REQUIRE_A=cuda>=1", "NVIDIA_REQUIRE_A=cuda>=2"},
         "[cuda>=2]"},
        {"empty ones ask for nothing", {"NVIDIA_REQUIRE_A=", "NVIDIA_REQUIRE_B= "}, ""},
        {"the last one, empty, takes it back",
         {"NVIDIA_REQUIRE_A=nonsense", "NVIDIA_REQUIRE_A="},
         ""},
        {"not those of another platform",
         {"NVIDIA_REQUIRE_JETPACK=csv-mounts=all", "NVIDIA_REQUIRE_JETPACK_HOST=x"},
         ""},
        {"an entry that is no variable", {"NVIDIA_REQUIRE_A"}, ""},
        {"a modern image with CUDA_VERSION",
         {"CUDA_VERSION=12.4.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"},
         "[cuda>=12.4]"},
        {"a legacy image", {"CUDA_VERSION=9.0.116"}, "[cuda>=9.0]"},
        {"a legacy image with a requirement beside",
         {"CUDA_VERSION=9.0", "NVIDIA_REQUIRE_DRIVER=driver>=384"},
         "[cuda>=9.0][driver>=384]"},
        {"disabled", {"NVIDIA_REQUIRE_A=nonsense", "NVIDIA_DISABLE_REQUIRE=true"}, ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        auto environment = row.environment;
        environment.emplace_back("NVIDIA_VISIBLE_DEVICES=all");
        CHECK(requirements_text(asked(environment)) == row.requirements);
    }
    Settings settings;
    settings.disable_require = true;
    CHECK(requirements_text(
              asked({"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_A=nonsense"}, settings))
              .empty());
    CHECK(contains(
        requirements_text(asked({"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_A=nonsense"})),
        "NVIDIA_REQUIRE_A: 'nonsense' has no operator"));
}

TEST_CASE("requirements are unlimited in number") {
    Environment environment{"NVIDIA_VISIBLE_DEVICES=all"};
    for (int i = 100; i < 200; ++i)
        environment.push_back("NVIDIA_REQUIRE_" + std::to_string(i) + "=cuda>=1");
    const auto result = asked(environment);
    REQUIRE(result);
    CHECK(result->request->requirements.size() == 100);
}

TEST_CASE("CUDA_VERSION counts with its first two parts") {
    struct Row {
        const char* version;
        const char* requirements; ///< empty: refused
    };
    const Row rows[] = {
        {"0", "[cuda>=0.0]"},
        {"8", "[cuda>=8.0]"},
        {"7.5", "[cuda>=7.5]"},
        {"9.0.116", "[cuda>=9.0]"},
        {"v11.6", "[cuda>=11.6]"},
        {"12.4.1.1", "[cuda>=12.4]"},
        {"4294967295.4294967295", "[cuda>=4294967295.4294967295]"},
        {"foo", ""},
        {"7.foo", ""},
        {"9.4294967296", ""},
        {"9.", ""},
        {"9..0", ""},
        {".5.10", ""},
        {"-9", ""},
        {"+9", ""},
        {"-9.1.116", ""},
        {"v", ""},
        {"vv9", ""},
        {" 9", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.version);
        const auto text = requirements_text(asked({"CUDA_VERSION=" + std::string(row.version)}));
        if (*row.requirements != '\0')
            CHECK(text == row.requirements);
        else
            CHECK(
                contains(text, "CUDA_VERSION '" + std::string(row.version) + "' is not a version"));
        CHECK(requirements_text(
                  asked({"CUDA_VERSION=" + std::string(row.version), "NVIDIA_DISABLE_REQUIRE=1"}))
                  .empty());
    }
}

TEST_CASE("NVIDIA_DISABLE_REQUIRE is Go's true, else a warning") {
    struct Row {
        const char* value;
        bool disabled;
        bool warned;
    };
    const Row rows[] = {
        {"1", true, false},      {"t", true, false},    {"T", true, false},   {"TRUE", true, false},
        {"true", true, false},   {"True", true, false}, {"0", false, false},  {"f", false, false},
        {"false", false, false}, {"", false, false},    {"yes", false, true}, {"tRUE", false, true},
        {" 1", false, true},     {"on\n", false, true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.value);
        const auto result = asked({"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_A=cuda>=1",
                                   "NVIDIA_DISABLE_REQUIRE=" + std::string(row.value)});
        REQUIRE(result);
        CHECK(result->request->requirements.empty() == row.disabled);
        CHECK(result->notices.list.empty() != row.warned);
    }
}

TEST_CASE("settings decide on cgroup and ld.so.cache") {
    Settings settings;
    settings.no_cgroups = true;
    settings.ldcache = LdCache::off;
    const auto changed = asked({"NVIDIA_VISIBLE_DEVICES=all"}, settings);
    REQUIRE(changed);
    CHECK_FALSE(changed->request->change_cgroup);
    CHECK(changed->request->ldcache == LdCache::off);
    const auto plain = asked({"NVIDIA_VISIBLE_DEVICES=all"});
    CHECK(plain->request->change_cgroup);
    CHECK(plain->request->ldcache == LdCache::automatic);
}

TEST_CASE("a requirement is read by its grammar") {
    for (const auto* const text :
         {"cuda>=12.4", "CUDA=9", "cuda!=9.0", "cuda!9.0", "driver<580.65.06", "driver<=1",
          "arch>8.9", "brand=tesla", "Brand!=GeForceRTX", "brand!x",
          "cuda>=12.4 brand=tesla,driver>=470,driver<471", "  cuda>=1   driver>=2 ", "", " "}) {
        CAPTURE(text);
        CHECK(error_of(parse_requirement(text)).empty());
    }
    struct Row {
        const char* text;
        const char* error;
    };
    const auto* const no_version = "something that is not a version";
    const auto* const no_order = "orders brands";
    const Row rows[] = {
        {"cuda", "'cuda' has no operator"},
        {"12.4", "'12.4' has no operator"},
        {",", "'' has no operator"},
        {"cuda>=1,", "'' has no operator"},
        {"cuda>= 12.4", "'cuda>=' has no value"},
        {"cuda >=12.4", "'cuda' has no operator"},
        {"kernel>=5", "'kernel>=5' has an unknown property"},
        {">=5", "'>=5' has an unknown property"},
        {"cuda==12", no_version},
        {"cuda=>12", no_version},
        {"cuda>=12.x", no_version},
        {"driver>=v580", no_version},
        {"brand>=tesla", no_order},
        {"brand<x", no_order},
        {"brand=", "'brand=' has no value"},
        {"cuda>=1\x1b[2J", "'cuda>=1\\x1b[2J'"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto error = error_of(parse_requirement(row.text));
        CAPTURE(error);
        CHECK(contains(error, row.error));
    }
}

TEST_CASE("a requirement is met, unmet or undecided") {
    const DriverFacts known{.cuda = Version::parse("12.4"),
                            .driver = Version::parse("550.54.14"),
                            .arch = Version::parse("8.9"),
                            .brand = "Tesla"};
    const DriverFacts plain{.cuda = known.cuda, .driver = known.driver};
    const DriverFacts no_gpu{.cuda = known.cuda, .driver = known.driver, .without_gpu = true};
    const DriverFacts nothing{};
    struct Row {
        const char* text;
        const DriverFacts& facts;
        Verdict verdict;
    };
    using enum Verdict;
    const Row rows[] = {
        {"", nothing, met},
        {"cuda>=12.4", known, met},
        {"cuda>=12.4.0.0", known, met},
        {"cuda>12.4", known, unmet},
        {"cuda<=12.4", known, met},
        {"cuda<12.4", known, unmet},
        {"cuda<12.10", known, met},
        {"cuda=12.4.0", known, met},
        {"cuda!=12.4", known, unmet},
        {"cuda!12.4", known, unmet},
        {"cuda>=13", known, unmet},
        {"driver>=550.54", known, met},
        {"driver<550", known, unmet},
        {"arch>=8.9", known, met},
        {"arch>9", known, unmet},
        {"brand=TESLA", known, met},
        {"brand!=tesla", known, unmet},
        {"brand=geforce", known, unmet},
        // or: the first that is met decides
        {"cuda>=13 driver>=550", known, met},
        {"cuda>=13 driver>=560", known, unmet},
        // and: one that is not met decides
        {"cuda>=12,driver>=560", known, unmet},
        {"cuda>=12,driver>=550", known, met},
        // facts that are not known
        {"cuda>=1", nothing, undecided},
        {"driver>=1", nothing, undecided},
        {"arch>=1", plain, undecided},
        {"brand=tesla", plain, undecided},
        {"brand=tesla,driver<1", plain, unmet},
        {"driver<1,brand=tesla", plain, unmet},
        {"brand=tesla,driver>=1", plain, undecided},
        {"brand=tesla cuda>=12", plain, met},
        {"brand=tesla cuda>=13", plain, undecided},
        // no GPU is visible: there is nothing that could be wrong about it
        {"arch>=99", no_gpu, met},
        {"brand=none", no_gpu, met},
        {"brand!=none", no_gpu, met},
        {"cuda>=13", no_gpu, unmet},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto requirement = parse_requirement(row.text);
        REQUIRE(requirement);
        CHECK(evaluate(*requirement, row.facts) == row.verdict);
    }
}

TEST_CASE("CDI devices precede an image's request") {
    const auto of = [](std::vector<std::string> names, Environment environment) {
        return make_request({.root_path = "r",
                             .environment = std::move(environment),
                             .cdi_devices = std::move(names)},
                            {});
    };
    const Environment image{"NVIDIA_VISIBLE_DEVICES=void",    "NVIDIA_DRIVER_CAPABILITIES=utility",
                            "NVIDIA_REQUIRE_CUDA=cuda>=99.0", "NVIDIA_GDS=enabled",
                            "NVIDIA_MIG_CONFIG_DEVICES=all",  "NVIDIA_IMEX_CHANNELS=0"};
    const auto two = of({"nvidia.com/gpu=1", "nvidia.com/gpu=GPU-00000000"}, image);
    CHECK(devices_text(two) == "list 1 GPU-00000000");
    REQUIRE(two->request);
    CHECK(two->request->driver_capabilities == DriverCapabilities::all());
    CHECK(two->request->named_capabilities.empty());
    CHECK(two->request->requirements.empty());
    CHECK(two->request->device_groups.empty());
    CHECK(two->request->imex_channels.empty());
    CHECK_FALSE(two->request->mig_config);
    CHECK(devices_text(of({"nvidia.com/gpu=all"}, {})) == "all");
    CHECK(devices_text(of({"nvidia.com/gpu=none"}, {})) == "none");
    CHECK(devices_text(of({"nvidia.com/gpu=none", "nvidia.com/gpu=1"}, {})) == "list 1");
    CHECK(devices_text(of({"nvidia.com/gpu=1", "nvidia.com/gpu=none"}, {})) == "list 1");
    CHECK(contains(error_of(of({"other.org/gpu=0"}, {})), "CDI device: "));
    CHECK(contains(error_of(of({"0"}, {})), "CDI device: '0' is no CDI name"));
}
