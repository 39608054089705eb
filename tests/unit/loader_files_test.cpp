// SPDX-License-Identifier: Apache-2.0
#include "apply/loader_files.hpp"
#include "image/compat_library.hpp"
#include "image/ld_conf.hpp"
#include "support/ground.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::Ground;

constexpr auto conf = "r/etc/ld.so.conf.d/00-grapnel-compat.conf";

std::string text_of(const Ground& ground, const std::string& name) {
    return sys::read_host_file(host_path(ground.path(name)), 1 << 20).value_or("?");
}

Plan plan_with(const char* directory, bool compat) {
    Plan plan;
    plan.mounts = {{.kind = Mount::Kind::library,
                    .host = host_path("/opt/libcuda.so.550.1.1"),
                    .inside = inside_path(directory) / "libcuda.so.550.1.1"}};
    if (compat)
        plan.compat = PlannedCompat{.library = "libcuda.so.570.1.1"};
    return plan;
}

void make_compat(const Ground& ground) {
    for (const auto* const directory :
         {"r/usr", "r/usr/local", "r/usr/local/cuda", "r/usr/local/cuda/compat"})
        ground.directory(directory);
}

std::vector<Notice> warnings(const Plan& plan, sys::RootDir& root) {
    Notices notices;
    CHECK(apply::write_loader_files(plan, image::read_ld_conf(root), root, notices));
    return notices.list;
}

} // namespace

TEST_CASE("a preferred libcuda's directory is configured") {
    for (const auto* const include :
         {"include /etc/ld.so.conf.d/*.conf\n", "/x\ninclude ld.so.conf.d/*\n",
          "include /etc/ld.so.conf.d/00-grapnel-compat.conf\n", "/x\n",
          "include /etc/other/*.conf\n", ""}) {
        CAPTURE(include);
        const Ground ground;
        make_compat(ground);
        ground.directory("r/etc");
        ground.directory("r/etc/ld.so.conf.d");
        ground.write("r/etc/ld.so.conf", include);
        auto root = ground.root();
        CHECK(warnings(plan_with("/usr/lib", true), root).empty());
        const bool read = contains(include, "ld.so.conf.d");
        CHECK(text_of(ground, conf) == (read ? "/usr/local/cuda/compat\n" : "?"));
        CHECK(image::read_ld_conf(root).reads_compat_file == read);
        CHECK(ground.target("r/usr/local/cuda/compat/libcuda.so.1") == "libcuda.so.570.1.1");
        if (!read)
            continue;
        // what this program wrote is no configuration of the image
        for (const auto& directory : image::read_ld_conf(root).directories)
            CHECK(directory != "/usr/local/cuda/compat");
        CHECK(warnings(plan_with("/usr/lib", false), root).empty());
        CHECK_FALSE(ground.exists(conf));
    }
}

TEST_CASE("musl's path file gains the driver's directory") {
    struct Row {
        const char* before; ///< nullptr: no file
        const char* libraries;
        bool compat;
        const char* after;
    };
    const Row rows[] = {
        {nullptr, "/usr/lib", false, "?"},
        {nullptr, "/usr/lib64", false, "/lib\n/usr/local/lib\n/usr/lib\n/usr/lib64\n"},
        {nullptr, "/usr/lib", true, "/usr/local/cuda/compat\n/lib\n/usr/local/lib\n/usr/lib\n"},
        {"/a:/b\n/c", "/usr/lib", false, "/a\n/b\n/c\n/usr/lib\n"},
        {"/a:/usr/lib", "/usr/lib", false, "/a:/usr/lib"},
        {"", "/usr/lib", false, "/usr/lib\n"},
        {"/usr/local/cuda/compat:/usr/lib", "/usr/lib", false, "/usr/lib\n"},
        {"/usr/lib:/usr/local/cuda/compat", "/usr/lib", true, "/usr/local/cuda/compat\n/usr/lib\n"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.after);
        const Ground ground;
        make_compat(ground);
        ground.directory("r/etc");
        ground.directory("r/lib");
#if defined(__x86_64__)
        const std::string name = "x86_64";
#else
        const std::string name = "aarch64";
#endif
        const auto file = "r/etc/ld-musl-" + name + ".path";
        auto root = ground.root();
        if (row.before != nullptr)
            ground.write(file, row.before);
        // without musl's loader the file is nobody's
        CHECK(warnings(plan_with(row.libraries, row.compat), root).empty());
        CHECK(text_of(ground, file) == (row.before == nullptr ? "?" : row.before));
        ground.link("r/lib/ld-musl-" + name + ".so.1", "libc.so");
        CHECK(warnings(plan_with(row.libraries, row.compat), root).empty());
        CHECK(text_of(ground, file) == row.after);
    }
}

TEST_CASE("an image's libcuda is one regular file") {
    const Ground ground;
    make_compat(ground);
    const std::string place = "r/usr/local/cuda/compat/";
    const auto found = [&] {
        auto root = ground.root();
        return image::find_compat_library(root, compat_directory()).value();
    };
    ground.link(place + "libcuda.so.1.1", ground.path("secret"));
    ground.directory(place + "libcuda.so.2.2");
    ground.write(place + "libcuda.so.1", "");
    ground.write(place + "libnvidia-nvvm.so.3.3", "");
    CHECK_FALSE(found().library);
    CHECK(found().notices.list.empty());
    ground.write(place + "libcuda.so.4.4",
                 "no ELF file, though long enough to be one of 64 bytes....");
    CHECK_FALSE(found().library);
    REQUIRE(found().notices.list.size() == 1);
    CHECK(contains(found().notices.list.front().text, "libcuda.so.4.4"));
    ground.write(place + "libcuda.so.5.5", "");
    REQUIRE(found().notices.list.size() == 1);
    CHECK(contains(found().notices.list.front().text, "there are several"));
}
