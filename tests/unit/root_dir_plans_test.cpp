// SPDX-License-Identifier: Apache-2.0
// What RootDir tells before it makes something, and undoes without knowing that it was made.
#include "support/ground.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::Ground;
using test::Type;

/// The plans of a root file system in which something of every kind is made.
struct Work {
    explicit Work(const Ground& ground) : root(ground.root()) {
        root.announce_to([this, &ground](const sys::Creation& plan) -> Status {
            if (plan.facts.type != Type::other && !plan.has_former())
                CHECK_FALSE(ground.root().facts(plan.path));
            if (plans.size() == allowed)
                return refused("no space");
            plans.push_back(plan);
            return {};
        });
    }
    Status run() {
        GRAPNEL_TRY(root.mount_point(inside_path("/a/b/file"), false));
        GRAPNEL_TRY(root.mount_point(inside_path("/a/directory"), true));
        GRAPNEL_TRY(root.mount_point(inside_path("/old"), false));
        GRAPNEL_TRY(root.link(inside_path("/link"), "target"));
        GRAPNEL_TRY(root.link(inside_path("/other"), "target"));
        GRAPNEL_TRY(root.put_file(inside_path("/text"), "ours"));
        return root.put_file(inside_path("/new"), "ours");
    }
    sys::RootDir root;
    std::vector<sys::Creation> plans = {};
    std::size_t allowed = 100;
};

void make_image(const Ground& ground) {
    ground.link("r/old", "before");
    ground.link("r/other", "before");
    ground.write("r/text", "before");
}

void check_image(const Ground& ground) {
    CHECK(ground.names("r") == std::vector<std::string>{"old", "other", "text"});
    CHECK(ground.type("r/old") == Type::link);
    CHECK(ground.type("r/other") == Type::link);
    CHECK(sys::read_host_file(host_path(ground.path("r/text")), 100).value_or("?") == "before");
}

void undo(const Ground& ground, std::vector<sys::Creation> plans) {
    auto root = ground.root();
    std::ranges::reverse(plans);
    for (const auto& plan : plans)
        CHECK(root.remove(plan));
}

} // namespace

TEST_CASE("every creation is told before it is made") {
    const Ground ground;
    make_image(ground);
    Work work(ground);
    REQUIRE(work.run());
    for (const auto& made : work.root.creations())
        CHECK(std::ranges::find(work.plans, made.path, &sys::Creation::path) != work.plans.end());
    undo(ground, work.plans);
    check_image(ground);
}

TEST_CASE("nothing is made that cannot be told") {
    for (std::size_t allowed = 0; allowed < 12; ++allowed) {
        const Ground ground;
        make_image(ground);
        Work work(ground);
        work.allowed = allowed;
        CHECK_FALSE(work.run());
        undo(ground, work.plans);
        check_image(ground);
    }
}

TEST_CASE("a planned creation with other facts stays") {
    const Ground ground;
    Work work(ground);
    REQUIRE(work.run());
    ground.write("r/a/b/file", "the user's");
    ground.write("r/text", "the user's");
    REQUIRE(::unlink(ground.path("r/link").c_str()) == 0);
    ground.link("r/link", "elsewhere");
    ground.write("r/a/directory/mine", "");
    undo(ground, work.plans);
    CHECK(ground.names("r") == std::vector<std::string>{"a", "link", "text"});
    CHECK(ground.names("r/a") == std::vector<std::string>{"b", "directory"});
    CHECK(ground.names("r/a/b") == std::vector<std::string>{"file"});
}

TEST_CASE("a planned creation in another directory stays") {
    const Ground ground;
    Work work(ground);
    REQUIRE(work.root.mount_point(inside_path("/a/file"), false));
    REQUIRE(::rename(ground.path("r/a").c_str(), ground.path("r/moved").c_str()) == 0);
    ground.directory("r/a");
    ground.write("r/a/file", "");
    undo(ground, work.plans);
    CHECK(ground.names("r/a") == std::vector<std::string>{"file"});
}
