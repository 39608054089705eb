// SPDX-License-Identifier: Apache-2.0
// Files that are put into a root file system for a container's time.
#include "support/ground.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

using namespace grapnel;
using test::contains;
using test::error_of;
using test::Ground;
using test::Type;

TEST_CASE("a new file and its directories go again") {
    const Ground ground;
    auto root = ground.root();
    REQUIRE(root.put_file(inside_path("/a/b/f"), "text"));
    CHECK(ground.text("r/a/b/f") == "text");
    const auto made = root.creations();
    CHECK(made.size() == 3);
    for (auto one = made.rbegin(); one != made.rend(); ++one)
        CHECK(root.remove(*one) == true);
    CHECK(ground.names("r").empty());
}

TEST_CASE("a file of the image comes back whole") {
    const Ground ground;
    const std::string before("a\0b\n\xff", 5);
    ground.write("r/f", before);
    auto root = ground.root();
    REQUIRE(root.put_file(inside_path("/f"), "ours"));
    CHECK(ground.text("r/f") == "ours");
    REQUIRE(root.creations().size() == 1);
    CHECK(root.creations().front().former_text == before);
    CHECK(root.remove(root.creations().front()) == true);
    CHECK(ground.text("r/f") == before);
}

TEST_CASE("a file with equal content is left alone") {
    const Ground ground;
    ground.write("r/f", "same");
    auto root = ground.root();
    CHECK(root.put_file(inside_path("/f"), "same"));
    CHECK(root.creations().empty());
}

TEST_CASE("a file that was changed since stays") {
    const Ground ground;
    ground.write("r/f", "before");
    auto root = ground.root();
    REQUIRE(root.put_file(inside_path("/f"), "ours"));
    ground.write("r/f", "theirs");
    CHECK(root.remove(root.creations().front()) == false);
    CHECK(ground.text("r/f") == "theirs");
}

TEST_CASE("a changed file of equal size stays") {
    const Ground ground;
    auto root = ground.root();
    REQUIRE(root.put_file(inside_path("/f"), "ours"));
    const timespec later[2] = {{.tv_sec = 2'000'000'000, .tv_nsec = 0},
                               {.tv_sec = 2'000'000'000, .tv_nsec = 0}};
    ground.write("r/f", "OURS");
    REQUIRE(::utimensat(AT_FDCWD, ground.path("r/f").c_str(), later, 0) == 0);
    CHECK(root.remove(root.creations().front()) == false);
    CHECK(ground.text("r/f") == "OURS");
}

namespace {

std::string attribute(const std::string& path, const char* name) {
    std::string value(100, '\0');
    const auto size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    value.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return value;
}

struct stat status_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

void make_old(const std::string& path) {
    const timespec old[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 7},
                             {.tv_sec = 1'000'000'000, .tv_nsec = 7}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, AT_SYMLINK_NOFOLLOW) == 0);
}

/// A setuid file with two names and an old time. Its name is `path`.
void make_old_file(const Ground& ground, const std::string& path) {
    ground.write(path, "before");
    const auto file = ground.path(path);
    REQUIRE(::chmod(file.c_str(), 04750) == 0);
    REQUIRE(::link(file.c_str(), ground.path("r/second").c_str()) == 0);
    ::setxattr(file.c_str(), "user.note", "text", 4, 0); // not every file system has them
    make_old(file);
}

void check_old_file(const std::string& path, const struct stat& before, const std::string& note) {
    const auto after = status_of(path);
    CHECK(after.st_ino == before.st_ino);
    CHECK(after.st_nlink == 2);
    CHECK(after.st_mode == before.st_mode);
    CHECK(after.st_mtim.tv_sec == before.st_mtim.tv_sec);
    CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    CHECK(attribute(path, "user.note") == note);
}

} // namespace

TEST_CASE("the image's own file comes back") {
    const Ground ground;
    make_old_file(ground, "r/f");
    const auto file = ground.path("r/f");
    const auto before = status_of(file);
    const auto note = attribute(file, "user.note");
    for (const bool is_link : {false, true}) {
        CAPTURE(is_link);
        make_old(ground.path("r"));
        auto root = ground.root();
        if (is_link)
            CHECK(root.link(inside_path("/f"), "target", sys::RootDir::Replace::small_files)
                  == true);
        else
            REQUIRE(root.put_file(inside_path("/f"), "ours"));
        CHECK(status_of(file).st_ino != before.st_ino);
        root.restore_times();
        CHECK(root.remove(root.creations().front()) == true);
        CHECK(status_of(ground.path("r")).st_mtim.tv_sec == 1'000'000'000);
        check_old_file(file, before, note);
        CHECK(ground.text("r/f") == "before");
        CHECK(ground.names("r") == std::vector<std::string>{"f", "second"});
    }
}

TEST_CASE("an image's link comes back with its time") {
    for (const bool directory : {false, true}) {
        CAPTURE(directory);
        const Ground ground;
        ground.link("r/l", "before");
        const auto link = ground.path("r/l");
        make_old(link);
        auto root = ground.root();
        REQUIRE(root.mount_point(inside_path("/l"), directory));
        CHECK(root.remove(root.creations().front()) == true);
        CHECK(status_of(link).st_mtim.tv_sec == 1'000'000'000);
        CHECK(status_of(link).st_mtim.tv_nsec == 7);
        CHECK(ground.names("r") == std::vector<std::string>{"l"});
    }
}

TEST_CASE("a new file is like the replaced one") {
    const Ground ground;
    make_old_file(ground, "r/f");
    const auto file = ground.path("r/f");
    const auto note = attribute(file, "user.note");
    auto root = ground.root();
    REQUIRE(root.put_file(inside_path("/f"), "ours"));
    CHECK((status_of(file).st_mode & 07777) == 0750); // not setuid
    CHECK(attribute(file, "user.note") == note);
    CHECK(ground.text("r/second") == "before");
}

TEST_CASE("a former file that is gone is copied") {
    const Ground ground;
    make_old_file(ground, "r/f");
    auto root = ground.root();
    REQUIRE(root.put_file(inside_path("/f"), "ours"));
    const auto made = root.creations().front();
    REQUIRE(::unlink(ground.path("r/" + made.former_name).c_str()) == 0);
    SUBCASE("nothing has its name") {}
    SUBCASE("another file has its name") {
        ground.write("r/" + made.former_name, "theirs");
    }
    SUBCASE("a link has its name") {
        ground.link("r/" + made.former_name, "/secret");
    }
    CHECK(root.remove(made) == true);
    CHECK(ground.text("r/f") == "before");
    CHECK((status_of(ground.path("r/f")).st_mode & 07777) == 0750);
    CHECK(status_of(ground.path("r/f")).st_mtim.tv_sec == 1'000'000'000);
}

TEST_CASE("what is no regular file is not replaced") {
    const Ground ground;
    ground.directory("r/d");
    ground.link("r/l", ground.path("secret"));
    REQUIRE(::mkfifo(ground.path("r/p").c_str(), 0644) == 0);
    ground.write("r/large", std::string(70000, 'x'));
    for (const auto* const name : {"/d", "/l", "/p", "/large"}) {
        CAPTURE(name);
        auto root = ground.root();
        CHECK_FALSE(root.put_file(inside_path(name), "ours"));
        CHECK(root.creations().empty());
    }
    CHECK(ground.text("secret") == "of the host");
}

TEST_CASE("an edit without new text changes nothing") {
    const Ground ground;
    ground.write("r/f", "before");
    ground.link("r/l", "f");
    auto root = ground.root();
    std::vector<std::string> seen;
    const auto keep = [&](const std::optional<std::string>& before) -> std::optional<std::string> {
        seen.push_back(before.value_or("nothing"));
        return before;
    };
    for (const auto* const name : {"/f", "/l", "/none/f"})
        CHECK(root.edit_file(inside_path(name), keep));
    CHECK(seen == std::vector<std::string>{"before", "nothing", "nothing"});
    CHECK(ground.names("r") == std::vector<std::string>{"f", "l"});
    CHECK(root.creations().empty());
}

TEST_CASE("an edit survives a moved directory") {
    const Ground ground;
    ground.directory("r/etc");
    ground.write("r/etc/f", "before");
    auto root = ground.root();
    REQUIRE(root.edit_file(inside_path("/etc/f"), [&](const auto& before) {
        REQUIRE(::rename(ground.path("r/etc").c_str(), ground.path("r/moved").c_str()) == 0);
        ground.directory("r/etc");
        return std::optional(*before + " and after");
    }));
    CHECK(ground.text("r/moved/f") == "before and after");
    CHECK(ground.names("r/etc").empty());
}

TEST_CASE("only regular files are opened, no links") {
    const Ground ground;
    ground.write("r/f", "text");
    ground.directory("r/d");
    ground.link("r/l", "f");
    REQUIRE(::mkfifo(ground.path("r/p").c_str(), 0644) == 0);
    auto root = ground.root();
    const auto file = root.open_file(inside_path("/f"));
    REQUIRE(file);
    REQUIRE(*file);
    CHECK(sys::read_part((*file)->ref(), 1, 2, "f") == "ex");
    CHECK(sys::read_part((*file)->ref(), 2, 100, "f") == "xt");
    CHECK(sys::read_part((*file)->ref(), 100, 1, "f") == "");
    CHECK_FALSE(sys::read_part((*file)->ref(), ~std::uint64_t{0}, 1, "f"));
    for (const auto* const name : {"/d", "/l", "/p", "/none", "/none/f", "/f/f"}) {
        CAPTURE(name);
        const auto none = root.open_file(inside_path(name));
        REQUIRE(none);
        CHECK_FALSE(*none);
    }
}
