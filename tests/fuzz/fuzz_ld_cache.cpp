// SPDX-License-Identifier: Apache-2.0
// An ld.so.cache, the host's or an image's, and the driver's libraries put into it. Input: the
// file.
#include "apply/ld_cache_merge.hpp"
#include "elf/ld_cache.hpp"
#include "fuzz.hpp"

#include <algorithm>
#include <string>

using namespace grapnel;
using fuzz::expect;

namespace {

bool within(std::string_view part, std::string_view whole) {
    return part.data() >= whole.data() && part.data() + part.size() < whole.data() + whole.size();
}

std::vector<apply::DriverName> driver() {
    return {{inside_path("/usr/local/cuda/compat/libcuda.so.1")},
            {inside_path("/usr/lib64/libcuda.so.1")},
            {inside_path("/usr/lib/libcuda.so.1"), true},
            {inside_path("/usr/lib64/liba.so.1")},
            {inside_path("/usr/lib64/libnvidia-ml.so.1")}};
}

/// The entry that a loader of this machine takes: the first of the name, if the order is right.
const LdCacheEntry* chosen(const LdCacheFile& cache, const LdCacheEntry& like) {
    const auto found = std::ranges::find_if(cache.entries, [&](const auto& entry) {
        return entry.soname == like.soname && entry.flags == like.flags;
    });
    return found == cache.entries.end() ? nullptr : &*found;
}

void check_merged(const LdCacheFile& image) {
    const auto names = driver();
    const auto merged = apply::merge_driver(image, names);
    expect(is_sorted(merged) || !is_sorted(image), "the order of names is kept");
    expect(merged.entries.size() <= image.entries.size() + names.size(), "nothing else is added");
    const auto text = write_ld_cache(merged);
    const auto again = parse_ld_cache(text);
    expect(again && *again == merged, "a merged cache survives being written");
    expect(write_ld_cache(apply::merge_driver(*again, names)) == text,
           "a second merge changes nothing");
    if (!is_sorted(image))
        return;
    for (const auto& name : names) {
        const bool first = &name == &*std::ranges::find_if(names, [&](const auto& other) {
            return other.path.name() == name.path.name() && other.is_32bit == name.is_32bit;
        });
        using Machine = LdCacheEntry::Machine;
        const LdCacheEntry like{
            .flags = ld_cache_flags(name.is_32bit ? Machine::native32 : Machine::native),
            .soname = name.path.name()};
        const auto* const entry = chosen(merged, like);
        expect(entry != nullptr && (!first || entry->path == name.path.text()),
               "the driver's entry is the first of its name");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = fuzz::as_text(data, size);
    const auto cache = parse_ld_cache(file);
    if (!cache) {
        fuzz::expect_printable(cache.error());
        return 0;
    }
    expect(is_ld_cache(file), "what parses is a cache");
    expect(cache->entries.size() * 24 + 48 <= size, "the table lies in the file");
    std::size_t total = 0;
    for (const auto& entry : cache->entries)
        for (const auto text : {entry.soname, entry.path}) {
            expect(within(text, file), "a name and its end lie in the file");
            expect(text.find('\0') == std::string_view::npos, "a name ends at its NUL byte");
            total += text.size();
        }
    expect(total <= 4 * size, "names are not read again and again");
    const auto copy = write_ld_cache(*cache);
    const auto again = parse_ld_cache(copy);
    expect(again && *again == *cache, "a cache survives being written");
    check_merged(*cache);
    return 0;
}
