// SPDX-License-Identifier: Apache-2.0
// The host's ld.so.cache. Input: the file.
#include "fuzz.hpp"
#include "inventory/ld_cache.hpp"

#include <array>
#include <cstring>
#include <string>

using namespace grapnel;
using fuzz::expect;

namespace {

bool within(std::string_view part, std::string_view whole) {
    return part.data() >= whole.data() && part.data() + part.size() < whole.data() + whole.size();
}

void append_number(std::string& out, std::uint32_t number) {
    std::array<char, sizeof number> bytes{};
    std::memcpy(bytes.data(), &number, sizeof number);
    out.append(bytes.data(), bytes.size());
}

/// A cache of format 1.1 with these entries. Flags of the other machines are lost.
std::string rendered(const std::vector<LdCacheEntry>& entries) {
#if defined(__x86_64__)
    constexpr std::uint32_t native = 0x0303;
    constexpr std::uint32_t native32 = 0x0003;
#else
    constexpr std::uint32_t native = 0x0a03;
    constexpr std::uint32_t native32 = 0x0903;
#endif
    std::string strings;
    std::string table;
    const auto strings_at = 48 + entries.size() * 24;
    for (const auto& entry : entries) {
        append_number(table, entry.machine == LdCacheEntry::Machine::native     ? native
                             : entry.machine == LdCacheEntry::Machine::native32 ? native32
                                                                                : 0x7fff);
        append_number(table, static_cast<std::uint32_t>(strings_at + strings.size()));
        strings += std::string(entry.soname) + '\0';
        append_number(table, static_cast<std::uint32_t>(strings_at + strings.size()));
        strings += std::string(entry.path) + '\0';
        table.append(12, '\0');
    }
    std::string out = "glibc-ld.so.cache1.1";
    append_number(out, static_cast<std::uint32_t>(entries.size()));
    append_number(out, static_cast<std::uint32_t>(strings.size()));
    out.resize(48);
    return out + table + strings;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = fuzz::as_text(data, size);
    const auto entries = parse_ld_cache(file);
    if (!entries) {
        fuzz::expect_printable(entries.error());
        return 0;
    }
    expect(entries->size() * 24 + 48 <= size, "the table lies in the file");
    std::size_t total = 0;
    for (const auto& entry : *entries)
        for (const auto text : {entry.soname, entry.path}) {
            expect(within(text, file), "a name and its end lie in the file");
            expect(text.find('\0') == std::string_view::npos, "a name ends at its NUL byte");
            total += text.size();
        }
    if (total > 100'000) // entries that share long names
        return 0;
    const auto copy = rendered(*entries);
    const auto again = parse_ld_cache(copy);
    expect(again && again->size() == entries->size(), "a cache survives being written");
    for (std::size_t i = 0; i < entries->size(); ++i)
        expect((*again)[i].machine == (*entries)[i].machine
                   && (*again)[i].soname == (*entries)[i].soname
                   && (*again)[i].path == (*entries)[i].path,
               "an entry survives being written");
    return 0;
}
