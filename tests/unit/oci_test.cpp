// SPDX-License-Identifier: Apache-2.0
#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;

std::string spec_with(const std::string& process, const std::string& more = "") {
    return R"({"process":)" + process + R"(,"root":{"path":"rootfs"})" + more + "}";
}

std::string devices(const std::string& rules) {
    return spec_with("{}", R"(,"linux":{"resources":{"devices":)" + rules + "}}");
}

} // namespace

TEST_CASE("the state of each runtime is understood") {
    struct Row {
        const char* what;
        const char* json;
        State state;
    };
    const Row rows[] = {
        {"runc",
         R"({"ociVersion":"1.0.2-dev","id":"c1","status":"creating","pid":42,"bundle":"/b"})",
         {.id = "c1", .pid = 42, .bundle = host_path("/b")}},
        {"crun escapes slashes",
         R"({"ociVersion":"1.0","id":"c1","pid":42,"root":"\/r","bundle":"\/run\/b"})",
         {.id = "c1", .pid = 42, .bundle = host_path("/run/b"), .root = host_path("/r")}},
        {"runc at poststop has no pid",
         R"({"id":"c1","status":"stopped","bundle":"/b"})",
         {.id = "c1", .bundle = host_path("/b"), .stopped = true}},
        {"crun at poststop has pid 0",
         R"({"id":"c1","pid":0,"bundle":"/b"})",
         {.id = "c1", .bundle = host_path("/b")}},
        {"the bundle's name before 1.0",
         R"({"id":"c1","pid":1,"bundlePath":"/b"})",
         {.id = "c1", .pid = 1, .bundle = host_path("/b")}},
        {"bundle comes before bundlePath",
         R"({"id":"c1","pid":1,"bundlePath":"/x","bundle":"/b"})",
         {.id = "c1", .pid = 1, .bundle = host_path("/b")}},
        {"null is as good as missing",
         R"({"id":"c1","pid":null,"bundle":"/b","annotations":null})",
         {.id = "c1", .bundle = host_path("/b")}},
        {"the largest pid",
         R"({"id":"c1","pid":2147483647,"bundle":"/b"})",
         {.id = "c1", .pid = 2147483647, .bundle = host_path("/b")}},
        {"all that an ID may be made of",
         R"({"id":"A.z_0+9-x","pid":1,"bundle":"/b"})",
         {.id = "A.z_0+9-x", .pid = 1, .bundle = host_path("/b")}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const auto state = parse_state(row.json);
        CAPTURE(error_of(state));
        REQUIRE(state);
        CHECK(*state == row.state);
    }
}

TEST_CASE("a state can name the root file system") {
    const auto state = [](const std::string& root) {
        return parse_state(R"({"id": "x", "bundle": "/b", "root": )" + root + "}");
    };
    CHECK(state(R"("/var/root/")")->root == host_path("/var/root"));
    CHECK_FALSE(state(R"("rootfs")")->root);
    CHECK_FALSE(state("1"));
}

TEST_CASE("a malformed state is refused with the culprit") {
    struct Row {
        std::string json;
        const char* culprit;
    };
    const Row rows[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"[]", "not a JSON object"},
        {"1", "not a JSON object"},
        {"{}{}", "not valid JSON"},
        {R"({"pid":1,"bundle":"/b"})", "'id'"},
        {R"({"id":"","pid":1,"bundle":"/b"})", "'id'"},
        {R"({"id":7,"pid":1,"bundle":"/b"})", "'id' is not a string"},
        {R"({"id":"..","pid":1,"bundle":"/b"})", "'..' is not"},
        {R"({"id":"a/b","pid":1,"bundle":"/b"})", "'a/b' is not"},
        {R"({"id":"a b","pid":1,"bundle":"/b"})", "'a b' is not"},
        {R"({"id":"a\u0000","pid":1,"bundle":"/b"})", "'a\\x00' is not"},
        {R"({"id":")" + std::string(201, 'a') + R"(","pid":1,"bundle":"/b"})", "aaa"},
        {R"({"id":"c","pid":-1,"bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":2147483648,"bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":4294967297,"bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":18446744073709551616,"bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":1.5,"bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":"1","bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":true,"bundle":"/b"})", "'pid'"},
        {R"({"id":"c","pid":1})", "'bundle' is missing"},
        {R"({"id":"c","pid":1,"bundle":7})", "'bundle' is not a string"},
        {R"({"id":"c","pid":1,"bundle":"b"})", "'bundle': path 'b' is not absolute"},
        {R"({"id":"c","pid":1,"bundle":"/b/../c"})", "'bundle'"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.json);
        const auto error = error_of(parse_state(row.json));
        CAPTURE(error);
        CHECK(error.starts_with("the container's state on stdin: "));
        CHECK(contains(error, row.culprit));
    }
}

TEST_CASE("overlong input is refused before parsing") {
    const std::string state = R"({"id":"c","pid":1,"bundle":"/b"})";
    CHECK(parse_state(state + std::string(state_size_limit - state.size(), ' ')));
    CHECK(contains(error_of(parse_state(state + std::string(state_size_limit, ' '))), "1 MiB"));
    CHECK(contains(error_of(parse_spec(std::string(spec_size_limit + 1, ' '))), "16 MiB"));
}

TEST_CASE("relevant parts of config.json are read") {
    const auto spec = parse_spec(
        R"({
        "ociVersion": "1.2.0", "hostname": "h",
        "annotations": {"a": "b", "ab": "c", "b": "d", "c": {"a": 1}}, "unknown": [1, {}],
        "process": {"env": ["A=1", "B=2"], "capabilities": {"bounding": ["CAP_SYS_ADMIN"]},
                    "args": ["x"], "user": {"uid": 0}},
        "root": {"path": "rootfs", "readonly": true},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"cgroupsPath": "/docker/c", "mountLabel": "u:r:t:s0", "resources": {"devices": [
            {"allow": false, "access": "rwm"},
            {"allow": true, "type": "c", "major": 195, "minor": 255, "access": "rw"}]}}})",
        {"a"});
    CAPTURE(error_of(spec));
    REQUIRE(spec);
    constexpr std::uint32_t any = access_read | access_write | access_mknod;
    CHECK(*spec
          == Spec{.root_path = "rootfs",
                  .environment = {"A=1", "B=2"},
                  .bounding_sys_admin = true,
                  .mounts = {{.source = "proc", .destination = "/proc"}},
                  .annotations = {{"a", "b"}, {"ab", "c"}},
                  .device_rules = {{.allow = false, .type = DeviceRule::Type::all, .access = any},
                                   {.major = 195, .minor = 255}},
                  .cgroups_path = "/docker/c",
                  .mount_label = "u:r:t:s0"});
}

TEST_CASE("a malformed config.json is refused with the culprit") {
    struct Row {
        std::string json;
        const char* culprit;
    };
    const Row rows[] = {
        {"", "not valid JSON"},
        {"[]", "not a JSON object"},
        {R"({"root":{"path":"r"}})", "'process' is missing"},
        {R"({"process":null,"root":{"path":"r"}})", "'process' is missing"},
        {R"({"process":[],"root":{"path":"r"}})", "'process' is not an object"},
        {R"({"process":{}})", "'root.path' is missing"},
        {R"({"process":{},"root":{}})", "'root.path' is missing"},
        {R"({"process":{},"root":{"path":""}})", "'root.path' is missing"},
        {R"({"process":{},"root":"r"})", "'root' is not an object"},
        {R"({"process":{},"root":{"path":1}})", "'path' is not a string"},
        {spec_with(R"({"env":"A=1"})"), "'env' is not an array"},
        {spec_with(R"({"env":["A=1",2]})"), "'env' is not an array of strings"},
        {spec_with(R"({"capabilities":"CAP_SYS_ADMIN"})"), "capabilities"},
        {spec_with(R"({"capabilities":{"bounding":"CAP_SYS_ADMIN"}})"), "'bounding'"},
        {spec_with(R"({"capabilities":{"bounding":[1]}})"), "'bounding'"},
        {spec_with(R"({"capabilities":[1]})"), "'capabilities'"},
        {spec_with("{}", R"(,"mounts":{})"), "'mounts' is not an array"},
        {spec_with("{}", R"(,"mounts":[1])"), "'mounts' is not an array of objects"},
        {spec_with("{}", R"(,"mounts":[{"source":1}])"), "'source'"},
        {spec_with("{}", R"(,"mounts":[{"destination":[]}])"), "'destination'"},
        {spec_with("{}", R"(,"annotations":[])"), "'annotations' is not an object"},
        {spec_with("{}", R"(,"hooks":[])"), "'hooks' is not an object"},
        {spec_with("{}", R"(,"hooks":{"prestart":{}})"), "hooks: 'prestart' is not an array"},
        {spec_with("{}", R"(,"hooks":{"createRuntime":[1]})"),
         "hooks: 'createRuntime' is not an array of objects"},
        {spec_with("{}", R"(,"hooks":{"prestart":[{"args":"x"}]})"), "hooks: 'args'"},
        {spec_with("{}", R"(,"annotations":{"a":1})"), "'annotations' is not an object of strings"},
        {spec_with("{}", R"(,"linux":[])"), "'linux'"},
        {spec_with("{}", R"(,"linux":{"cgroupsPath":1})"), "'cgroupsPath'"},
        {spec_with("{}", R"(,"linux":{"resources":1})"), "'resources'"},
        {devices("{}"), "'devices' is not an array"},
        {devices("[1]"), "a rule is not an object"},
        {devices(R"([{"allow":"yes"}])"), "'allow'"},
        {devices(R"([{"allow":1}])"), "'allow'"},
        {devices(R"([{"type":"x"}])"), "'type' 'x'"},
        {devices(R"([{"type":1}])"), "'type'"},
        {devices(R"([{"major":"195"}])"), "'major'"},
        {devices(R"([{"major":1.5}])"), "'major'"},
        {devices(R"([{"major":4294967296}])"), "'major'"},
        {devices(R"([{"minor":4294967296}])"), "'minor'"},
        {devices(R"([{"access":"rx"}])"), "'access' 'rx'"},
        {devices(R"([{"access":7}])"), "'access'"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.json);
        const auto error = error_of(parse_spec(row.json, {"a"}));
        CAPTURE(error);
        CHECK(error.starts_with("config.json: "));
        CHECK(contains(error, row.culprit));
    }
}

TEST_CASE("CAP_SYS_ADMIN in the bounding set is privilege") {
    struct Row {
        const char* process;
        bool privileged;
    };
    const Row rows[] = {
        {R"({})", false},
        {R"({"capabilities":null})", false},
        {R"({"capabilities":{}})", false},
        {R"({"capabilities":{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN"]}})", true},
        {R"({"capabilities":{"bounding":["CAP_CHOWN"]}})", false},
        {R"({"capabilities":{"effective":["CAP_SYS_ADMIN"],"permitted":["CAP_SYS_ADMIN"]}})",
         false},
        {R"({"capabilities":{"bounding":["cap_sys_admin"]}})", false},
        {R"({"capabilities":["CAP_SYS_ADMIN"]})", true}, // from 1.0.0-rc1 to before -rc5
        {R"({"capabilities":["CAP_CHOWN"]})", false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.process);
        const auto spec = parse_spec(spec_with(row.process));
        REQUIRE(spec);
        CHECK(spec->bounding_sys_admin == row.privileged);
    }
}

TEST_CASE("device rules are read as runtimes read them") {
    using Type = DeviceRule::Type;
    constexpr std::uint32_t any = access_read | access_write | access_mknod;
    struct Row {
        const char* json;
        DeviceRule rule;
    };
    const Row rows[] = {
        {R"({})", {.allow = false, .type = Type::all, .access = any}},
        {R"({"allow":true})", {.type = Type::all, .access = any}},
        {R"({"allow":true,"type":"a"})", {.type = Type::all, .access = any}},
        {R"({"allow":true,"type":"b","major":8,"minor":0,"access":"r"})",
         {.type = Type::block, .major = 8, .minor = 0, .access = access_read}},
        {R"({"allow":true,"type":"c","major":-1,"minor":-1,"access":"m"})",
         {.access = access_mknod}},
        {R"({"allow":true,"type":"c","major":136,"minor":null,"access":"rwm"})",
         {.major = 136, .access = any}},
        {R"({"allow":true,"type":"c","access":""})", {.access = any}},
        {R"({"allow":true,"type":"c","major":4294967295,"access":"rr"})",
         {.major = 4294967295U, .access = access_read}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.json);
        const auto spec = parse_spec(devices("[" + std::string(row.json) + "]"));
        CAPTURE(error_of(spec));
        REQUIRE(spec);
        REQUIRE(spec->device_rules.size() == 1);
        CHECK(spec->device_rules.front() == row.rule);
    }
}

TEST_CASE("a variable's last value counts") {
    const Spec spec{.environment = {"A=1", "AB=x", "A=2", "NOEQUALS", "=odd", "E=", "A", "EQ=a=b"}};
    CHECK(spec.variable("A") == "2");
    CHECK(spec.variable("AB") == "x");
    CHECK(spec.variable("E") == "");
    CHECK(spec.variable("EQ") == "a=b");
    CHECK(spec.variable("NOEQUALS") == std::nullopt);
    CHECK(spec.variable("B") == std::nullopt);
}

TEST_CASE("a relative rootfs lies in the bundle") {
    const auto bundle = host_path("/run/bundle");
    CHECK(rootfs_path({.root_path = "rootfs"}, bundle) == host_path("/run/bundle/rootfs"));
    CHECK(rootfs_path({.root_path = "./a/b/"}, bundle) == host_path("/run/bundle/a/b"));
    CHECK(rootfs_path({.root_path = "/var/lib/x"}, bundle) == host_path("/var/lib/x"));
    CHECK(rootfs_path({.root_path = "."}, bundle) == bundle);
}

TEST_CASE("a group's number follows the user namespace") {
    const auto linux_with = [](const std::string& more) {
        return parse_spec(spec_with("{}", R"(,"linux":{)" + more + "}"));
    };
    const std::string user = R"("namespaces":[{"type":"mount"},{"type":"user"}])";
    const auto none = linux_with(R"("namespaces":[{"type":"mount"}])");
    REQUIRE(none);
    CHECK(none->group_inside(44) == 44U);
    const auto joined = linux_with(user); // another container's, whose mappings are not told
    REQUIRE(joined);
    CHECK(joined->group_inside(44) == std::nullopt);
    const auto mapped = linux_with(user + R"(,"gidMappings":[
        {"containerID":0,"hostID":100000,"size":65536},{"containerID":70000,"hostID":40,"size":5}])");
    REQUIRE(mapped);
    CHECK(mapped->group_inside(44) == 70004U);
    CHECK(mapped->group_inside(45) == std::nullopt);
    CHECK(mapped->group_inside(39) == std::nullopt);
    CHECK(mapped->group_inside(165535) == 65535U);
    for (const std::string wrong : {R"("namespaces":["user"])", R"("gidMappings":[1])",
                                    R"("gidMappings":[{"size":4294967296}])"})
        CHECK(contains(error_of(linux_with(wrong)), "linux: "));
}

TEST_CASE("devices of CDI are those that hooks name") {
    const auto spec = parse_spec(spec_with("{}", R"(,"hooks":{
        "prestart":[{"path":"/h"},{"path":"/h","args":["h","--cdi-device=nvidia.com/gpu=1"]}],
        "createRuntime":[{"path":"/h","args":["h","--cdi-device=nvidia.com/gpu=0","x"]}],
        "poststop":[{"path":"/h","args":["h","--cdi-device=nvidia.com/gpu=2"]}]})"));
    REQUIRE(spec.has_value());
    CHECK(spec->cdi_devices == std::vector<std::string>{"nvidia.com/gpu=1", "nvidia.com/gpu=0"});
}
