// SPDX-License-Identifier: Apache-2.0
#include "elf/ld_cache.hpp"
#include "support/ld_cache_file.hpp"
#include "support/outcome.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <vector>

namespace {

using namespace grapnel;
using namespace grapnel::test;

} // namespace

TEST_CASE("ld.so.cache gives ordered entries with machine") {
    const std::vector<CacheLine> lines{
        {"libb.so.1", "/usr/lib64/libb.so.1"},
        {"liba.so.1", "/usr/lib/liba.so.1", native32_cache_flags},
        {"libc.so.1", "/opt/libc.so.1", 0x0003 | 0x0800},
        {"libold.so.1", "/opt/libold.so.1", 0x0301},
    };
    using Machine = LdCacheEntry::Machine;
    for (const auto format : {CacheFormat::glibc, CacheFormat::behind_old_entries}) {
        const auto file = ld_cache_file(lines, format);
        const auto cache = parse_ld_cache(file);
        CAPTURE(error_of(cache));
        REQUIRE(cache);
        const auto& entries = cache->entries;
        REQUIRE(entries.size() == lines.size());
        for (std::size_t i = 0; i < lines.size(); ++i) {
            CHECK(entries[i].soname == lines[i].soname);
            CHECK(entries[i].path == lines[i].path);
        }
        CHECK(entries[0].machine() == Machine::native);
        CHECK(entries[1].machine() == Machine::native32);
        CHECK(entries[2].machine() == Machine::other);
        CHECK(entries[3].machine() == Machine::other);
    }
    CHECK(parse_ld_cache(ld_cache_file({}))->entries.empty());
}

TEST_CASE("a cut ld.so.cache is refused") {
    for (const auto format : {CacheFormat::glibc, CacheFormat::behind_old_entries}) {
        const auto file = ld_cache_file({{"liba.so.1", "/usr/lib/liba.so.1"}}, format);
        for (std::size_t length = 0; length < file.size(); ++length) {
            CAPTURE(length);
            const std::vector<char> cut(file.begin(),
                                        file.begin() + static_cast<std::ptrdiff_t>(length));
            CHECK_FALSE(parse_ld_cache({cut.data(), cut.size()}));
        }
        CHECK(parse_ld_cache(file));
    }
}

TEST_CASE("any wrong byte of ld.so.cache is harmless") {
    const auto file =
        ld_cache_file({{"liba.so.1", "/usr/lib/liba.so.1"}}, CacheFormat::behind_old_entries);
    for (std::size_t at = 0; at < file.size(); ++at)
        for (const char wrong : {'\0', '\x01', '\x7f', '\x80', '\xff'}) {
            CAPTURE(at);
            auto damaged = std::vector<char>(file.begin(), file.end());
            damaged[at] = wrong;
            const auto cache = parse_ld_cache({damaged.data(), damaged.size()});
            if (cache)
                CHECK(cache->entries.size() <= 1);
        }
}

TEST_CASE("other formats than ld.so.cache are told apart") {
    struct Row {
        std::string file;
        const char* error;
    };
    auto huge = ld_cache_file({});
    huge[20] = huge[21] = huge[22] = huge[23] = '\xff';
    auto outside = ld_cache_file({{"a", "b"}});
    outside[48 + 5] = '\x7f'; // the offset of the name
    auto old_alone = ld_cache_file({}, CacheFormat::behind_old_entries).substr(0, 32);
    const Row rows[] = {
        {"", "not an ld.so.cache"},
        {"glibc-ld.so.cache2.0", "not an ld.so.cache"},
        {"ld.so-1.7.0", "not an ld.so.cache"},
        {old_alone, "without entries of format 1.1"},
        {huge, "cut off"},
        {outside, "outside the file"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.error);
        CHECK(contains(error_of(parse_ld_cache(row.file)), row.error));
    }
}

TEST_CASE("the ld.so.cache of this machine is read") {
    const auto file = sys::LinuxHostFs().map(host_path("/etc/ld.so.cache"));
    if (!file)
        return; // a machine without one
    const auto cache = parse_ld_cache(file->bytes());
    CAPTURE(error_of(cache));
    REQUIRE(cache);
    CHECK(is_sorted(*cache));
    CHECK(std::ranges::any_of(cache->entries, [](const auto& entry) {
        return entry.soname == "libc.so.6" && entry.machine() == LdCacheEntry::Machine::native
               && entry.path.starts_with('/') && entry.path.ends_with("libc.so.6");
    }));
    const auto copy = write_ld_cache(*cache);
    CHECK(parse_ld_cache(copy) == *cache);
}

TEST_CASE("an ld.so.cache survives being written") {
    LdCacheFile cache{.entries = {{0x0303, "libb.so.1", "/usr/lib64/glibc-hwcaps/x86-64-v3/libb.so",
                                   0x030200, (std::uint64_t{1} << 62) + 1},
                                  {0x0303, "libb.so.1", "/usr/lib64/libb.so.1"},
                                  {0x0003, "liba.so.1", "/usr/lib/liba.so.1.2.3", 0, 1}},
                      .byte_order = 2,
                      .has_extension = true,
                      .generator = "ldconfig (GNU libc) release release version 2.40",
                      .hwcap_names = {"x86-64-v2", "x86-64-v3"}};
    for (const bool has_names : {true, false}) {
        if (!has_names)
            cache.hwcap_names.clear();
        const auto file = write_ld_cache(cache);
        const auto again = parse_ld_cache(file);
        CAPTURE(error_of(again));
        CHECK(again == cache);
    }
}

TEST_CASE("an extension of an unknown kind is refused") {
    auto file = write_ld_cache({.has_extension = true, .generator = "x"});
    REQUIRE(parse_ld_cache(file));
    file[48 + 8] = 7; // the tag
    CHECK(contains(error_of(parse_ld_cache(file)), "unknown kind"));
    file[48] = 0;
    CHECK(contains(error_of(parse_ld_cache(file)), "wrong extension"));
}

TEST_CASE("a name of a million entries is refused") {
    constexpr std::size_t count = 100'000;
    std::vector<CacheLine> lines(count, {"a", "b"});
    auto file = ld_cache_file(lines);
    const auto long_name = static_cast<std::uint32_t>(file.size());
    file += std::string(4000, 'x') + '\0';
    for (std::size_t i = 0; i < count; ++i)
        std::memcpy(file.data() + 48 + i * 24 + 8, &long_name, sizeof long_name);
    CHECK_FALSE(parse_ld_cache(file));
}

TEST_CASE("names are compared as a loader does it") {
    struct Row {
        const char* one;
        const char* other;
        int sign;
    };
    const Row rows[] = {
        {"", "", 0},
        {"liba.so.1", "liba.so.1", 0},
        {"libb.so.1", "liba.so.1", 1},
        {"liba.so.10", "liba.so.9", 1},
        {"liba.so.01", "liba.so.1", 0},
        {"liba.so.1", "liba.so", 1},
        {"liba1.so", "liba.so", 1}, // a digit comes after every other character
        {"liba.so.4294967297", "liba.so.1", 0},
        {"liba.so.2147483650", "liba.so.1", -1},
    };
    const auto sign = [](int number) { return (number > 0) - (number < 0); };
    for (const auto& row : rows) {
        CAPTURE(row.one);
        CAPTURE(row.other);
        CHECK(sign(compare_ld_names(row.one, row.other)) == row.sign);
        CHECK(sign(compare_ld_names(row.other, row.one)) == -row.sign);
    }
}
