// SPDX-License-Identifier: Apache-2.0
// The part of a host that a confined look can read.
#include "driver/readable_paths.hpp"
#include "support/memory_host.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace grapnel;
using test::MemoryHost;

namespace {

const InventoryScope lists{.ldcache_file = host_path("/etc/ld.so.cache"),
                           .csv = {.directory = host_path("/etc/lists")}};

ReadablePaths paths_with_list(const char* lines) {
    MemoryHost host;
    host.file("/etc/lists/l4t.csv", lines);
    host.file("/srv/board/secret", "");
    host.file("/srv/board/libother.so", "");
    host.file("/srv/board/parts/x", "");
    host.file("/srv/board/libcuda.so.1.1", "");
    host.link("/srv/board/libcuda.so", "libcuda.so.1.1");
    host.link("/srv/board/libcuda.so.2", "/etc/shadow");
    host.file("/etc/shadow", "");
    return readable_paths(host, lists);
}

bool can(const std::vector<HostPath>& some, const char* path) {
    return std::ranges::any_of(
        some, [&](const auto& one) { return is_at_or_below(host_path(path), one); });
}

} // namespace

TEST_CASE("a list makes no file readable but libcuda") {
    const auto paths = paths_with_list("lib, /srv/board/libother.so\nsym, /srv/board/libz.so\n"
                                       "dir, /srv/board/parts\nlib, /srv/board/libcuda.so\n"
                                       "lib, /srv/board/libcuda.so.2\n");
    CHECK(can(paths.read, "/srv/board/libcuda.so.1.1"));
    for (const auto* const other : {"/srv/board", "/srv/board/secret", "/srv/board/libother.so",
                                    "/srv/board/parts/x", "/etc/shadow"})
        CHECK_MESSAGE(!can(paths.read, other), other);
    CHECK(paths.listed.empty());
}

TEST_CASE("a list of the command line is read") {
    MemoryHost host;
    host.file("/root/own.csv", "lib, /srv/board/libcuda.so\n");
    host.file("/srv/board/libcuda.so", "");
    const auto paths = readable_paths(host, {.ldcache_file = host_path("/etc/ld.so.cache"),
                                             .csv = {.lists = {host_path("/root/own.csv")}}});
    CHECK(can(paths.read, "/root/own.csv"));
    CHECK(!can(paths.read, "/root"));
    CHECK(can(paths.read, "/srv/board/libcuda.so"));
}

TEST_CASE("a pattern of a list makes names readable") {
    const auto paths = paths_with_list("lib, /srv/b*/libcuda.so*\n");
    CHECK(can(paths.listed, "/srv/board"));
    CHECK(!can(paths.listed, "/etc"));
    CHECK(can(paths.read, "/srv/board/libcuda.so.1.1"));
    CHECK(!can(paths.read, "/srv/board/secret"));
    CHECK(!can(paths.read, "/etc/shadow"));
}

TEST_CASE("a pattern as first component reads nothing") {
    const auto paths = paths_with_list("lib, /s*/board/libother.so\n");
    CHECK(paths.listed.empty());
    CHECK(!can(paths.read, "/srv"));
}
