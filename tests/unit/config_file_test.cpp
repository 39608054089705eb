// SPDX-License-Identifier: Apache-2.0
// Files of an administrator's that are replaced.
#include "support/ground.hpp"
#include "support/outcome.hpp"
#include "sys/config_file.hpp"

#include <doctest/doctest.h>
#include <sys/file.h>
#include <sys/stat.h>

namespace {

using namespace grapnel;
using sys::ConfigFile;
using test::contains;
using test::error_of;
using test::Ground;

constexpr std::size_t limit = 4096;

Result<ConfigFile> open(const Ground& ground, const std::string& name) {
    return ConfigFile::open(host_path(ground.path(name)), limit);
}

std::uint32_t mode_of(const Ground& ground, const std::string& name) {
    return sys::host_facts(host_path(ground.path(name)))->mode;
}

} // namespace

TEST_CASE("a replaced file keeps its mode") {
    const Ground ground;
    ground.write("r/f", "before");
    REQUIRE(::chmod(ground.path("r/f").c_str(), 0640) == 0);
    const auto file = open(ground, "r/f");
    REQUIRE(file);
    CHECK(file->text() == "before");
    REQUIRE(file->replace("after"));
    CHECK(ground.text("r/f") == "after");
    CHECK(mode_of(ground, "r/f") == 0640);
    CHECK(ground.names("r") == std::vector<std::string>{"f"});
}

TEST_CASE("a missing file is made with its directories") {
    const Ground ground;
    const auto file = open(ground, "r/a/b/f");
    REQUIRE(file);
    CHECK_FALSE(file->text());
    REQUIRE(file->replace(
        "text", sys::FileFacts{.mode = 0600, .owner = {.user = geteuid(), .group = getegid()}}));
    CHECK(ground.text("r/a/b/f") == "text");
    CHECK(mode_of(ground, "r/a/b/f") == 0600);
    CHECK(mode_of(ground, "r/a") == 0755);
    const auto plain = open(ground, "r/g");
    REQUIRE(plain->replace("text"));
    CHECK(mode_of(ground, "r/g") == 0644);
}

TEST_CASE("the target behind a link is replaced") {
    const Ground ground;
    ground.write("r/f", "before");
    ground.link("l", "r/f");
    const auto file = open(ground, "l");
    REQUIRE(file);
    CHECK(file->path().text() == ground.path("r/f"));
    REQUIRE(file->replace("after"));
    CHECK(ground.text("r/f") == "after");
    CHECK(ground.type("l") == test::Type::link);
    ground.link("dangling", "nowhere");
    CHECK(contains(error_of(open(ground, "dangling")), "leads to nothing"));
}

TEST_CASE("what somebody else changed meanwhile is left alone") {
    const Ground ground;
    ground.write("r/f", "before");
    const auto file = open(ground, "r/f");
    const auto missing = open(ground, "r/g");
    ground.write("r/f", "changed in between");
    ground.write("r/g", "made in between");
    CHECK(contains(error_of(file->replace("after")), "just now"));
    CHECK(contains(error_of(file->remove()), "just now"));
    CHECK(contains(error_of(missing->replace("after")), "just now"));
    CHECK(ground.text("r/f") == "changed in between");
    CHECK(ground.text("r/g") == "made in between");
    CHECK(ground.names("r") == std::vector<std::string>{"f", "g"});
}

TEST_CASE("a copy has a free name, same mode") {
    const Ground ground;
    ground.write("r/f", "text");
    REQUIRE(::chmod(ground.path("r/f").c_str(), 0600) == 0);
    const auto file = open(ground, "r/f");
    REQUIRE(file->copy_to("copy"));
    CHECK(ground.text("r/copy") == "text");
    CHECK(mode_of(ground, "r/copy") == 0600);
    ground.write("r/other", "of somebody");
    CHECK_FALSE(file->copy_to("other"));
    CHECK(ground.text("r/other") == "of somebody");
}

TEST_CASE("special and overlong files are no configuration") {
    const Ground ground;
    ground.directory("r/d");
    CHECK_FALSE(open(ground, "r/d"));
    REQUIRE(::mkfifo(ground.path("r/fifo").c_str(), 0600) == 0);
    CHECK_FALSE(open(ground, "r/fifo"));
    ground.write("r/long", std::string(limit + 1, 'x'));
    CHECK_FALSE(open(ground, "r/long"));
}

TEST_CASE("a killed program's temporary file is removed") {
    const Ground ground;
    ground.write("r/f", "before");
    ground.write("r/.f.grapnel-new", "half a fi");
    REQUIRE(open(ground, "r/f")->copy_to("copy"));
    CHECK(ground.names("r") == std::vector<std::string>{"copy", "f"});
    ground.link("r/.f.grapnel-new", "f");
    REQUIRE(open(ground, "r/f")->replace("after"));
    CHECK(ground.text("r/f") == "after");
    CHECK(ground.names("r") == std::vector<std::string>{"copy", "f"});
}

TEST_CASE("a configuration stays in the opened directory") {
    const Ground ground;
    ground.write("r/f", "text");
    ground.directory("other");
    ground.write("other/f", "of another");
    const auto file = open(ground, "r/f");
    const auto missing = open(ground, "r/g");
    REQUIRE(::rename(ground.path("r").c_str(), ground.path("moved").c_str()) == 0);
    ground.link("r", "other");
    REQUIRE(file->copy_to("copy"));
    REQUIRE(file->replace("new"));
    REQUIRE(missing->replace("new"));
    CHECK(ground.text("moved/f") == "new");
    CHECK(ground.names("moved") == std::vector<std::string>{"copy", "f", "g"});
    CHECK(ground.text("other/f") == "of another");
    CHECK(ground.names("other") == std::vector<std::string>{"f"});
    CHECK_FALSE(file->remove());
}

TEST_CASE("a file that another process changes is left") {
    const Ground ground;
    ground.write("r/f", "before");
    ground.write("r/.f.grapnel-new", "of another");
    const auto other = sys::open_host_file(host_path(ground.path("r/.f.grapnel-new")));
    REQUIRE(::flock(other->ref().value, LOCK_EX) == 0);
    const auto file = open(ground, "r/f");
    CHECK(contains(error_of(file->replace("after")), "just now"));
    CHECK(contains(error_of(file->copy_to("copy")), "just now"));
    CHECK(ground.text("r/f") == "before");
    CHECK(ground.text("r/.f.grapnel-new") == "of another");
    REQUIRE(::flock(other->ref().value, LOCK_UN) == 0);
    CHECK(file->replace("after"));
}
