// SPDX-License-Identifier: Apache-2.0
#include "image/ld_conf.hpp"
#include "support/ground.hpp"

#include <doctest/doctest.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace grapnel;
using test::Ground;

/// An image with that /etc/ld.so.conf and a few files that it can include.
std::string directories(const std::string& configuration) {
    const Ground ground;
    ground.directory("r/etc");
    ground.directory("r/etc/ld.so.conf.d");
    ground.write("r/etc/ld.so.conf", configuration);
    ground.write("r/etc/ld.so.conf.d/b.conf", "/b\n");
    ground.write("r/etc/ld.so.conf.d/a.conf", "/a\n/shared\n");
    ground.write("r/etc/ld.so.conf.d/.hidden.conf", "/hidden\n");
    ground.write("r/etc/again", "/again\ninclude ld.so.conf\ninclude again\n");
    ground.write("r/etc/long", std::string(70000, '#') + "\n/long\n");
    ground.link("r/etc/link", "/etc/ld.so.conf.d/b.conf");
    ground.link("r/etc/out", ground.path("secret"));
    REQUIRE(::mkfifo(ground.path("r/etc/fifo").c_str(), 0644) == 0);
    auto root = ground.root();
    std::string text;
    for (const auto& directory : image::read_ld_conf(root).directories)
        text += directory + " ";
    return text;
}

} // namespace

TEST_CASE("library directories are ld.so.conf's, in order") {
    struct Row {
        const char* what;
        const char* configuration;
        const char* directories;
    };
    const Row rows[] = {
        {"none", "", ""},
        {"two", "/z\n/y\n", "/z /y "},
        {"one twice", "/z\n/y\n/z\n", "/z /y "},
        {"blanks and comments", "  /z\t# why\n#/no\n\n", "/z "},
        {"without a newline at its end", "/z", "/z "},
        {"with a type", "/z=libc6\n/y = libc5\n", "/z /y "},
        {"what is no directory", "hwcap 0 nosegneg\nlib\nincludes\n", ""},
        {"an include", "/z\ninclude /etc/ld.so.conf.d/*.conf\n/y\n", "/z /a /shared /b /y "},
        {"a relative include", "include ld.so.conf.d/b.conf\n", "/b "},
        {"several in one line", "include ld.so.conf.d/b.conf  ld.so.conf.d/a.conf",
         "/b /a /shared "},
        {"after a tab", "include\tld.so.conf.d/b.conf\n", "/b "},
        {"a pattern in the last component", "include /etc/ld.so.conf.d/[b]*\n", "/b "},
        {"no search where a directory is a pattern", "include /e?c/ld*.d/[b]*\n/z\n", "/z "},
        {"a pattern that nothing fits", "include /etc/none/*.conf\n/z\n", "/z "},
        {"a file that is not there", "include /etc/none\n/z\n", "/z "},
        {"through a link of the image", "include link\n", "/b "},
        {"through a link that would leave it", "include out\n/z\n", "/z "},
        {"files that include each other", "include again\n/z\n", "/again /z "},
        {"a FIFO", "include fifo\n/z\n", "/z "},
        {"a directory", "include ld.so.conf.d\n/z\n", "/z "},
        {"a file past the limit", "include long\n/z\n", "/z "},
        {"paths that climb", "include ../etc/ld.so.conf.d/b.conf\n/z\n", "/z "},
        {"nothing but slashes", "include /\ninclude //\n/z\n", "/z "},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(directories(row.configuration) == row.directories);
    }
}

TEST_CASE("an image without ld.so.conf names no directories") {
    const Ground ground;
    auto root = ground.root();
    CHECK(image::read_ld_conf(root).directories.empty());
}

TEST_CASE("of ever so many directories 4,096 are read") {
    std::string configuration;
    for (int i = 0; i < 5000; ++i)
        configuration += "/d" + std::to_string(i) + "\n";
    const Ground ground;
    ground.directory("r/etc");
    ground.write("r/etc/ld.so.conf", configuration);
    auto root = ground.root();
    CHECK(image::read_ld_conf(root).directories.size() == 4096);
}

/// 60 patterns that fit none of 20,000 long names, but only after a million comparisons each, and
/// then a pattern that fits.
struct Costly {
    Ground ground;
    explicit Costly(int patterns) {
        ground.directory("r/etc");
        ground.directory("r/many");
        ground.directory("r/few");
        std::string configuration;
        for (int i = 0; i < patterns; ++i)
            configuration += "include /many/*a*a*a*a*a*a*a*a*a*a*a*b\n";
        ground.write("r/etc/ld.so.conf", configuration + "include /few/*\n");
        ground.write("r/few/last", "/found\n");
        ground.write("r/many/first", "");
        for (int i = 0; i < 20'000; ++i) {
            const auto name = ground.path("r/many/" + std::string(200, 'a') + std::to_string(i));
            REQUIRE(::link(ground.path("r/many/first").c_str(), name.c_str()) == 0);
        }
    }
};

TEST_CASE("costly patterns use up a limit on comparisons") {
    const Costly costly(60);
    auto root = costly.ground.root();
    CHECK(image::read_ld_conf(root).directories.empty());
}

TEST_CASE("a pattern after a costly one counts") {
    const Costly costly(1);
    auto root = costly.ground.root();
    CHECK(image::read_ld_conf(root).directories == std::vector<std::string>{"/found"});
}

TEST_CASE("several patterns list a directory once") {
    const Ground ground;
    ground.directory("r/etc");
    ground.directory("r/many");
    ground.write("r/etc/ld.so.conf", "include /many/x*\ninclude /many/y*\ninclude /many/z*\n");
    for (const char* name : {"x", "y", "z"})
        ground.write(std::string("r/many/") + name, std::string("/") + name + "\n");
    ground.write("r/many/first", "");
    // more names than half of the limit: a third list would be beyond it
    for (int i = 0; i < 40'000; ++i) {
        const auto name = ground.path("r/many/name" + std::to_string(i));
        REQUIRE(::link(ground.path("r/many/first").c_str(), name.c_str()) == 0);
    }
    auto root = ground.root();
    CHECK(image::read_ld_conf(root).directories == std::vector<std::string>{"/x", "/y", "/z"});
}
