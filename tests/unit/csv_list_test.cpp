// SPDX-License-Identifier: Apache-2.0
#include "driver/tegra/csv_list.hpp"
#include "support/memory_host.hpp"

#include <doctest/doctest.h>

using namespace grapnel;

namespace {

using Type = CsvEntry::Type;

/// The number of bad lines; what is good goes into `entries`.
std::size_t bad(std::string_view text) {
    const auto list = parse_csv_list(text);
    CHECK(list.entries.empty());
    return list.bad_lines.size();
}

} // namespace

TEST_CASE("a CSV line has type and path") {
    const auto list = parse_csv_list("dev, /dev/nvmap\n\n  dir ,/usr/share/x \t\r\n"
                                     "lib, /a/b.so\nsym, /a//c.so");
    CHECK(list.bad_lines.empty());
    const std::vector<CsvEntry> expected{
        {.type = Type::device, .path = host_path("/dev/nvmap")},
        {.type = Type::directory, .path = host_path("/usr/share/x")},
        {.type = Type::library, .path = host_path("/a/b.so")},
        {.type = Type::link, .path = host_path("/a/c.so")},
    };
    CHECK(list.entries == expected);
}

TEST_CASE("an empty CSV list is one") {
    CHECK(parse_csv_list("").entries.empty());
    CHECK(bad("\n \n\t\n") == 0);
}

TEST_CASE("meaningless lines of a CSV list are reported") {
    CHECK(bad("lib /a") == 1);
    CHECK(bad("LIB, /a") == 1);
    CHECK(bad(", /a") == 1);
    CHECK(bad("lib,") == 1);
    CHECK(bad("lib, a") == 1);
    CHECK(bad("lib, /../a") == 1);
    CHECK(bad(std::string_view("lib, /a\0b", 9)) == 1);
}

TEST_CASE("a CSV list names no container's file system") {
    for (const auto* const line :
         {"lib, /proc", "dir, /proc/driver", "dir, /sys", "lib, /sys/x", "dir, /", "dir, /dev",
          "lib, /dev/x", "sym, /dev/x", "dev, /x", "dev, /dev", "dev, /devx/y", "dev, /proc/x"}) {
        CAPTURE(line);
        CHECK(bad(line) == 1);
    }
    CHECK(parse_csv_list("lib, /procx/a\nlib, /system/b\ndev, /dev/a/b").entries.size() == 3);
    CHECK(parse_csv_list("dir, /dev/dri/by-path").entries.size() == 1);
}

TEST_CASE("a list's path can be a pattern") {
    test::MemoryHost host;
    for (const auto* const path : {"/dev/dri/card0", "/dev/dri/card1", "/dev/dri/renderD128",
                                   "/dev/dri/.card2", "/dev/card3", "/devx/dri/card4"})
        host.file(path, "");
    const auto found = [&](std::string_view path) { return matching(host, host_path(path)); };
    const std::vector<HostPath> cards{host_path("/dev/dri/card0"), host_path("/dev/dri/card1")};
    CHECK(found("/dev/dri/card*") == cards);
    CHECK(found("/dev/*/card[0-9]") == cards);
    CHECK(found("/dev/dri/card?") == cards);
    CHECK(found("/dev/dri/x*").empty());
    CHECK(found("/nowhere/*").empty());
    CHECK(found("/nowhere/x") == std::vector<HostPath>{host_path("/nowhere/x")});
}

TEST_CASE("patterns leave paths out") {
    const auto path = host_path("/usr/lib/libnvscibuf.so");
    CHECK(is_ignored(path, {"/etc/x", "/usr/lib/libnvsci*.so"}));
    CHECK(is_ignored(path, {"**/*.so"}));
    CHECK(!is_ignored(path, {"**/lib/*.so", "*.so", "/usr/*.so", "/usr/lib"}));
    CHECK(!is_ignored(path, {}));
}
