// SPDX-License-Identifier: Apache-2.0
// What the cases of tests/configure do not show.
#include "engine_config/containerd.hpp"
#include "engine_config/diff.hpp"
#include "engine_config/docker.hpp"
#include "engine_config/podman.hpp"
#include "engine_config/toml_imports.hpp"
#include "json/text.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace grapnel;
using namespace grapnel::engine_config;
using test::contains;
using test::error_of;

constexpr std::string_view drop_in = "/c/conf.d/99-grapnel.toml";

} // namespace

TEST_CASE("a diff has three context lines") {
    const Text before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    CHECK(unified_diff("f", before, before).empty());
    CHECK(unified_diff("f", before, "1\n2\n3\n4\nfive\n6\n7\n8\n9\n")
          == "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    CHECK(unified_diff("f", before, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
          == "--- f\n+++ f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n");
}

TEST_CASE("distant changes are separate hunks") {
    std::string before;
    for (int line = 1; line <= 20; ++line)
        before += std::to_string(line) + "\n";
    auto after = before;
    after.replace(after.find("2\n"), 2, "two\n");
    after.replace(after.find("19\n"), 3, "");
    CHECK(unified_diff("f", before, after)
          == "--- f\n+++ f\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n"
             "@@ -16,5 +16,4 @@\n 16\n 17\n 18\n-19\n 20\n");
}

TEST_CASE("a diff shows new, deleted and unterminated files") {
    CHECK(unified_diff("f", std::nullopt, "a\nb")
          == "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n");
    CHECK(unified_diff("f", "a\n", std::nullopt) == "--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    CHECK(unified_diff("f", "a", "a\n")
          == "--- f\n+++ f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST_CASE("a hook's file has one stage") {
    for (const auto& file : hook_files) {
        const auto text = hook_file(file, "/usr/bin/grapnel-hook");
        const auto json = parse_json(text);
        CHECK(json["version"] == "1.0.0");
        CHECK(json["hook"]["path"] == "/usr/bin/grapnel-hook");
        CHECK(json["hook"]["args"] == nlohmann::json{"grapnel-hook", file.stage});
        CHECK(json["stages"] == nlohmann::json{file.stage});
        CHECK(json["when"] == nlohmann::json{{"always", true}});
        CHECK(is_hook_file(file, text));
        CHECK(is_hook_file(file, hook_file(file, "/elsewhere")));
    }
    CHECK_FALSE(is_hook_file(hook_files[0], hook_file(hook_files[1], "/x")));
    for (const auto* const other : {"", "{}", "[]", R"({"hook": []})", R"({"hook": {"path": 1}})"})
        CHECK_FALSE(is_hook_file(hook_files[0], other));
}

TEST_CASE("NVIDIA's hook is known by program name") {
    for (const auto* const text :
         {R"({"version": "1.0.0", "hook": {"path": "/usr/bin/nvidia-container-toolkit"}})",
          R"({"version": "1.0.0", "hook": {"path": "/x/nvidia-container-runtime-hook"}})",
          R"({"hook": "/usr/bin/nvidia-container-runtime-hook", "stage": ["prestart"]})"})
        CHECK_MESSAGE(runs_nvidias_hook(text), text);
    for (const auto* const text :
         {"", "{", "[]", "{}", R"({"hook": {}})", R"({"hook": {"path": 1}})", R"({"hook": [1]})",
          R"({"hook": {"path": "/usr/bin/nvidia-container-toolkit/other"}})",
          R"({"hook": {"path": "/usr/bin/grapnel-hook", "args": ["nvidia-container-toolkit"]}})"})
        CHECK_MESSAGE(!runs_nvidias_hook(text), text);
}

TEST_CASE("a runtime's name is plain and not built-in") {
    for (const auto* const good : {"nvidia", "nvidia-legacy", "a.b_c", "7"})
        CHECK(check_runtime_name(good));
    for (const auto* const bad : {"", "runc", "crun", "-a", ".a", "a b", "a/b", "a\"b", "\xc3\xa9"})
        CHECK_FALSE(check_runtime_name(bad));
    CHECK(check_path("/usr/bin/a b"));
    for (const auto* const bad :
         {"/a\"", "/a'", "/a\\", "/a*", "/a?", "/a[b]", "/a\n", "/\xc3\xa9"})
        CHECK_FALSE(check_path(bad));
}

TEST_CASE("a runtime of another path stays in daemon.json") {
    const Text text =
        R"({"runtimes": {"nvidia": {"path": "/other"}}, "default-runtime": "nvidia"})";
    const auto edit = remove_from_docker(text, std::nullopt, {.path = "/ours"}, "daemon.json");
    REQUIRE(edit);
    CHECK(edit->text == text);
    REQUIRE(edit->notices.list.size() == 1);
    CHECK(contains(edit->notices.list[0].text, "'/other'"));
}

TEST_CASE("an empty object of others stays") {
    for (const auto* const text : {"{}", "{}\n", "", " "}) {
        const auto edit = remove_from_docker(text, std::nullopt, {.path = "/ours"}, "daemon.json");
        REQUIRE(edit);
        CHECK(edit->text == Text(text));
    }
}

TEST_CASE("a backup of our own entry restores nothing") {
    const RuntimeEntry entry{.path = "/ours", .set_as_default = true};
    const auto first = add_to_docker(std::nullopt, {.path = "/ours"}, "daemon.json");
    const auto second = add_to_docker(first->text, entry, "daemon.json");
    const auto removed = remove_from_docker(second->text, first->text, entry, "daemon.json");
    REQUIRE(removed);
    CHECK_FALSE(removed->text);
}

TEST_CASE("imports that were added behind ours stay") {
    const auto added = add_import("version = 2\n", drop_in, "c");
    REQUIRE(added);
    auto more = *added;
    more.insert(more.find(']'), ", \"/later.toml\"");
    const auto removed = remove_import(more, drop_in, "c");
    REQUIRE(removed);
    CHECK(contains(*removed, "/later.toml"));
    CHECK_FALSE(contains(*removed, drop_in));
}

TEST_CASE("the version stays if settings were added") {
    const auto added = add_import("", drop_in, "c");
    REQUIRE(added);
    const auto removed = remove_import(*added + "[debug]\nlevel = \"info\"\n", drop_in, "c");
    REQUIRE(removed);
    CHECK(removed->starts_with("version = 2"));
    CHECK(contains(*removed, "[debug]"));
    CHECK_FALSE(contains(*removed, "imports"));
}

TEST_CASE("import patterns are relative and stop at slashes") {
    const auto imports = containerd_imports(
        {.path = "/c/config.toml", .text = R"(imports = ["a.toml", "/b/../d/*.toml"])"});
    REQUIRE(imports);
    CHECK(*imports == std::vector<std::string>{"/c/a.toml", "/d/*.toml"});
    CHECK(import_matches("/d/*.toml", "/d/x.toml"));
    CHECK_FALSE(import_matches("/d/*.toml", "/d/x/y.toml"));
    CHECK_FALSE(import_matches("/d/*.toml", "/d/x.conf"));
}

TEST_CASE("another run's entry is no original") {
    const RuntimeEntry a{.name = "a", .path = "/ours"};
    const RuntimeEntry b{.name = "b", .path = "/ours"};
    const Text first = R"({"runtimes": {"a": {"path": "/other"}}})";
    const auto second = add_to_docker(first, a, "daemon.json");
    const auto third = add_to_docker(second->text, b, "daemon.json");
    const auto original =
        original_of_docker({{"copy", *first}, {"copy.2", *second->text}}, {.path = "/ours"});
    REQUIRE(original);
    CHECK(*original == first);
    const auto without = remove_from_docker(third->text, *original, a, "daemon.json");
    CHECK(remove_from_docker(without->text, *original, b, "daemon.json")->text == first);
    CHECK(contains(error_of(original_of_docker({{"/copy", "{"}}, a)), "/copy:1: "));
}

TEST_CASE("an object that had members is left empty") {
    const RuntimeEntry entry{.path = "/ours"};
    const auto removed =
        remove_from_docker(R"({"runtimes": {"nvidia": {"path": "/ours"}}})",
                           R"({"runtimes": {"kata": {"path": "/kata"}}})", entry, "daemon.json");
    REQUIRE(removed);
    CHECK(removed->text == R"({"runtimes": {}})");
}

TEST_CASE("nesting depth of TOML is bounded") {
    std::string names = "a";
    for (int level = 0; level < 40; ++level)
        names += ".a";
    for (const auto& text :
         {"[" + names + "]\n", names + " = 1\n", "x = { " + names + " = 1 }\n",
          "[[ " + names + " ]]\n", "x = " + std::string(40, '[') + std::string(40, ']') + "\n",
          "'" + names + "' = '''\n'''\n[" + names + "]\n"})
        CHECK(contains(error_of(containerd_imports({"c", text})), "deeper than 32 levels"));
    CHECK(containerd_imports(
        {"c", "# " + names + "\nx = '" + names + "' # it's " + names + "\ny = \"\"\"\n" + names
                  + "\"\"\"\nz = [1.5, 2.5, 3.5]\n[a.b]\n[a.c]\n[plugins.\"" + names + "\".x]\n"}));
}
