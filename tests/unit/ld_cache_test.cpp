// SPDX-License-Identifier: Apache-2.0
#include "inventory/ld_cache.hpp"
#include "support/ld_cache_file.hpp"
#include "support/outcome.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

namespace {

using namespace grapnel;
using namespace grapnel::test;

} // namespace

TEST_CASE("an ld.so.cache gives its entries in their order, with their machine") {
    const std::vector<CacheLine> lines{
        {"libb.so.1", "/usr/lib64/libb.so.1"},
        {"liba.so.1", "/usr/lib/liba.so.1", native32_cache_flags},
        {"libc.so.1", "/opt/libc.so.1", 0x0003 | 0x0800},
        {"libold.so.1", "/opt/libold.so.1", 0x0301},
    };
    using Machine = LdCacheEntry::Machine;
    for (const auto format : {CacheFormat::glibc, CacheFormat::behind_old_entries}) {
        const auto file = ld_cache_file(lines, format);
        const auto entries = parse_ld_cache(file);
        CAPTURE(error_of(entries));
        REQUIRE(entries);
        REQUIRE(entries->size() == lines.size());
        for (std::size_t i = 0; i < lines.size(); ++i) {
            CHECK((*entries)[i].soname == lines[i].soname);
            CHECK((*entries)[i].path == lines[i].path);
        }
        CHECK((*entries)[0].machine == Machine::native);
        CHECK((*entries)[1].machine == Machine::native32);
        CHECK((*entries)[2].machine == Machine::other);
        CHECK((*entries)[3].machine == Machine::other);
    }
    CHECK(parse_ld_cache(ld_cache_file({}))->empty());
}

TEST_CASE("an ld.so.cache that is cut off anywhere is refused") {
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

TEST_CASE("an ld.so.cache with any byte wrong is read without harm") {
    const auto file =
        ld_cache_file({{"liba.so.1", "/usr/lib/liba.so.1"}}, CacheFormat::behind_old_entries);
    for (std::size_t at = 0; at < file.size(); ++at)
        for (const char wrong : {'\0', '\x01', '\x7f', '\x80', '\xff'}) {
            CAPTURE(at);
            auto damaged = std::vector<char>(file.begin(), file.end());
            damaged[at] = wrong;
            const auto entries = parse_ld_cache({damaged.data(), damaged.size()});
            if (entries)
                CHECK(entries->size() <= 1);
        }
}

TEST_CASE("what is no ld.so.cache is refused, and told apart") {
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
    const auto entries = parse_ld_cache(file->bytes());
    CAPTURE(error_of(entries));
    REQUIRE(entries);
    CHECK(std::ranges::any_of(*entries, [](const auto& entry) {
        return entry.soname == "libc.so.6" && entry.machine == LdCacheEntry::Machine::native
               && entry.path.starts_with('/') && entry.path.ends_with("libc.so.6");
    }));
}
