// SPDX-License-Identifier: Apache-2.0
#include "oci/edit.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;

constexpr auto added =
    R"("prestart":[{"path":"/opt/grapnel-hook","args":["grapnel-hook","prestart"],"env":[]}],)"
    R"("poststop":[{"path":"/opt/grapnel-hook","args":["grapnel-hook","poststop"],"env":[]}])";

SpecEdits hook_alone() {
    SpecEdits edits;
    edits.hook = host_path("/opt/grapnel-hook");
    return edits;
}

std::string edited(const std::string& json, const SpecEdits& edits = hook_alone()) {
    const auto result = edit_spec(json, edits);
    REQUIRE(result);
    return *result;
}

std::string rule(int minor) {
    return R"({"allow":true,"type":"c","major":195,"minor":)" + std::to_string(minor)
           + R"(,"access":"rw","addedBy":"grapnel"})";
}

std::string with_rules(const std::string& rules) {
    return R"({"linux":{"resources":{"devices":[)" + rules + R"(]}}})";
}

std::string with_hooks(const std::string& hooks) {
    return R"({"hooks":{)" + hooks + "}}";
}

} // namespace

TEST_CASE("the hook has an empty environment") {
    CHECK(edited("{}") == with_hooks(added));
    CHECK(edited(R"({"hooks":null})") == with_hooks(added));
    auto edits = hook_alone();
    edits.hook_options = {"--config=/etc/x.toml"};
    CHECK(contains(edited("{}", edits), R"(["grapnel-hook","--config=/etc/x.toml","prestart"])"));
}

TEST_CASE("existing values keep their order") {
    const std::string unknown =
        R"("zeta":{"b":1,"a":[1.5,-3,18446744073709551615,null,true]},"alpha":"\u00e9\"\\/")";
    const auto result =
        edited("{" + unknown + R"(,"hooks":{"createContainer":[{"path":"/x"}]},"last":0})");
    CHECK(result.starts_with(
        R"({"zeta":{"b":1,"a":[1.5,-3,18446744073709551615,null,true]},"alpha":)"));
    CHECK(contains(result, R"("hooks":{"createContainer":[{"path":"/x"}],)"));
    CHECK(result.ends_with(R"(,"last":0})"));
}

TEST_CASE("hooks of others stay before ours") {
    const auto result = edited(with_hooks(R"("prestart":[{"path":"/bin/other"}])"));
    CHECK(contains(result, R"("prestart":[{"path":"/bin/other"},{"path":"/opt/grapnel-hook")"));
}

TEST_CASE("an existing hook is not added again") {
    for (const std::string path :
         {"/usr/bin/nvidia-container-runtime-hook", "/usr/bin/nvidia-container-toolkit",
          "/elsewhere/grapnel-hook", "grapnel-hook"})
        for (const std::string stage : {"prestart", "createRuntime"}) {
            CAPTURE(path);
            CAPTURE(stage);
            const auto there = "\"" + stage + R"(":[{"path":")" + path + R"("}])";
            const auto result = edited(with_hooks(there));
            CHECK(contains(result, there + R"(,"poststop":[{"path":"/opt/grapnel-hook")"));
            CHECK_FALSE(contains(result, R"("grapnel-hook","prestart")"));
        }
    const auto twice = edited(edited("{}"));
    CHECK(twice == with_hooks(added));
}

TEST_CASE("a similar name is another hook") {
    for (const std::string path : {"/usr/bin/nvidia-container-runtime", "/usr/bin/grapnel-hook.sh",
                                   "/usr/bin/grapnel-hook/x"})
        CHECK(contains(edited(with_hooks(R"("prestart":[{"path":")" + path + R"("}])")),
                       R"("grapnel-hook","prestart")"));
}

TEST_CASE("device rules come last") {
    auto edits = hook_alone();
    edits.device_rules = {{.major = 195, .minor = 0}, {.major = 195, .minor = 255}};
    const std::string rules = rule(0) + "," + rule(255) + "]";
    CHECK(contains(edited("{}", edits), R"("linux":{"resources":{"devices":[)" + rules));
    const std::string denied = R"({"allow":false,"access":"rwm"})";
    CHECK(contains(
        edited(R"({"linux":{"resources":{"devices":[)" + denied + R"(],"x":1},"y":2}})", edits),
        R"({"resources":{"devices":[)" + denied + "," + rules + R"(,"x":1},"y":2})"));
    CHECK_FALSE(contains(edited("{}"), "linux"));
}

TEST_CASE("rules of an earlier request go") {
    auto edits = hook_alone();
    edits.device_rules = {{.major = 195, .minor = 0}, {.major = 195, .minor = 255}};
    const auto first = edited("{}", edits);
    CHECK(edited(first, edits) == first);
    edits.device_rules = {{.major = 195, .minor = 1}};
    CHECK(contains(edited(first, edits), R"("devices":[)" + rule(1) + "]"));

    const std::string others =
        R"({"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":195,"minor":0,"access":"rw"},)"
        R"({"allow":true,"addedBy":"another"},7)";
    CHECK(may_hold_added_rules(with_rules(rule(0))));
    CHECK_FALSE(may_hold_added_rules("{}"));
    CHECK(*without_added_rules(with_rules(others + "," + rule(0))) == with_rules(others));
    // a denial of that name is none of ours: without it the container could do more
    const auto denial = with_rules(R"({"allow":false,"access":"rwm","addedBy":"grapnel"})");
    CHECK(*without_added_rules(denial) == denial);
    CHECK(contains(error_of(without_added_rules("[]")), "config.json"));
    for (const std::string json : {R"({"linux":7})", R"({"linux":{"resources":{"devices":{}}}})"})
        CHECK(*without_added_rules(json) == json);
}

TEST_CASE("an engine's new rules get added ones") {
    const std::string denied = R"({"allow":false,"access":"rwm"})";
    const auto resources = R"({"cpu":{"shares":2},"devices":[)" + denied + R"(],"unified":null})";
    CHECK(holds_device_rules(resources));
    for (const char* const none : {"", "{", "[]", "{}", R"({"devices":null})", R"({"devices":[]})"})
        CHECK_FALSE(holds_device_rules(none));
    const auto config = with_rules(denied + "," + rule(0));
    const auto changed = with_added_rules_of(resources, config);
    REQUIRE(changed);
    CHECK(*changed
          == R"({"cpu":{"shares":2},"devices":[)" + denied + "," + rule(0)
                 + R"(],"unified":null})");
    for (const auto& without : {std::string("{}"), with_rules(denied)})
        CHECK(*with_added_rules_of(resources, without) == std::nullopt);
    CHECK(contains(error_of(with_added_rules_of(resources, "{")), "config.json"));
    CHECK(contains(error_of(with_added_rules_of(R"({"devices":{}})", config)), "'devices'"));
}

TEST_CASE("a group is added once") {
    auto edits = hook_alone();
    edits.groups = {44, 105};
    CHECK(contains(edited(R"({"process":{"user":{"uid":1000,"additionalGids":[105,7]}}})", edits),
                   R"("user":{"uid":1000,"additionalGids":[105,7,44]})"));
    CHECK(contains(edited("{}", edits), R"("process":{"user":{"additionalGids":[44,105]}})"));
}

TEST_CASE("a value of another type is refused") {
    auto edits = hook_alone();
    edits.device_rules = {{.major = 195, .minor = 0}};
    edits.groups = {44};
    for (const std::string json :
         {"", "[]", "{", R"({"hooks":[]})", R"({"hooks":{"prestart":{}}})",
          R"({"hooks":{"poststop":1}})", R"({"linux":1})", R"({"linux":{"resources":[]}})",
          R"({"linux":{"resources":{"devices":{}}}})", R"({"process":[]})",
          R"({"process":{"user":"root"}})", R"({"process":{"user":{"additionalGids":1}}})"}) {
        CAPTURE(json);
        CHECK(contains(error_of(edit_spec(json, edits)), "config.json"));
    }
}

TEST_CASE("a lossy rewrite is refused") {
    const auto deep = [](std::size_t levels) {
        return R"({"x":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
    };
    CHECK(contains(edited(deep(900)), added));
    for (const std::size_t levels : {1001U, 2'000'000U})
        CHECK(contains(error_of(edit_spec(deep(levels), hook_alone())), "1,000 levels"));
    for (const char* const twice : {
             R"({"linux":{"namespaces":[]},"linux":{}})",
             R"({"process":{"env":[],"user":{},"env":["A=B"]}})",
             R"({"x":[{"a":{"b":1}},{"c":1,"c":2}]})",
             R"({"a":1,"\u0061":2})",
         })
        CHECK(contains(error_of(edit_spec(twice, hook_alone())), "stands twice"));
    for (const char* const once :
         {R"({"a":{"a":{"b":1},"b":{"a":1}},"b":[{"a":1},{"a":1}])", R"({"a":[[{}],{}],"b":{})"})
        CHECK(edited(std::string(once) + "}").starts_with(once));
}

TEST_CASE("a path outside UTF-8 is refused") {
    auto edits = hook_alone();
    edits.hook_options = {"--config=/etc/\xff.toml"};
    CHECK(contains(error_of(edit_spec("{}", edits)), R"('--config=/etc/\xff.toml' is not UTF-8)"));
    edits.hook_options = {"--config=/etc/\xc3\xa9.toml"};
    CHECK(contains(edited("{}", edits), "/etc/\xc3\xa9.toml"));
    edits.hook = host_path("/opt/\xff/grapnel-hook");
    CHECK(contains(error_of(edit_spec("{}", edits)), "is not UTF-8"));
}

namespace {

std::string check(const std::string& before, const std::string& after) {
    const auto checked = check_edit(before, after, hook_alone().hook);
    return checked ? std::string() : error_of(checked);
}

} // namespace

TEST_CASE("an edit of this program is accepted") {
    auto edits = hook_alone();
    edits.device_rules = {{.allow = true, .major = 195, .minor = 1, .access = access_read}};
    edits.groups = {44};
    for (const auto& before :
         {std::string("{}"), std::string(R"({"hooks":null,"process":{"user":{}}})"),
          with_rules(rule(0)), with_hooks(R"("prestart":[{"path":"/bin/other"}])"),
          std::string(R"({"process":{"user":{"additionalGids":[7]}},"x":[1.5,-0.0,1e400]})")}) {
        if (edit_spec(before, edits))
            CHECK(check(before, edited(before, edits)).empty());
        CHECK(check(edited("{}", edits), edited(edited("{}", edits), edits)).empty());
    }
    CHECK(check(with_rules(rule(0)), *without_added_rules(with_rules(rule(0)))).empty());
}

TEST_CASE("an edit that changes more is refused") {
    const auto good = edited("{}");
    const auto more = "it changes more of config.json than the driver needs";
    CHECK(check(R"({"root":{"path":"a"}})", R"({"root":{"path":"b"}})") == more);
    CHECK(check("{}", R"({"mounts":[]})") == more);
    CHECK(check(R"({"mounts":[]})", "{}") == more);
    CHECK(check(R"({"hooks":"x"})", R"({"hooks":{"prestart":[]}})") == more);
    CHECK(check("{}", with_hooks(R"("prestart":[{"path":"/bin/sh","args":[],"env":[]}])")) == more);
    CHECK(check("{}",
                with_hooks(R"("prestart":[{"path":"/opt/grapnel-hook","args":[],"env":["A=b"]}])"))
          == more);
    CHECK(check("{}", with_hooks(R"("createContainer":[{"path":"/opt/grapnel-hook"}])")) == more);
    CHECK(check(with_hooks(R"("prestart":[{"path":"/bin/other"}])"), with_hooks(R"("prestart":[])"))
          == more);
    CHECK(check("{}", with_rules(R"({"allow":true,"access":"rwm"})")) == more);
    CHECK(check("{}", with_rules(R"({"allow":true,"type":"b","major":8,"minor":0,"access":"rw",)"
                                 R"("addedBy":"grapnel"})"))
          == more);
    CHECK(check("{}", R"({"process":{"user":{"additionalGids":["x"]}}})") == more);
    CHECK(check("{}", R"({"process":{"user":{"uid":0}}})") == more);
    CHECK(contains(check("{}", R"({"a":1,"a":2})"), "stands twice"));
    CHECK(contains(check("{}", "no JSON"), "not a JSON object"));
    CHECK(check(good, good).empty());
}
