// SPDX-License-Identifier: Apache-2.0
#include "apply/ld_cache_merge.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

namespace grapnel::apply {

namespace {

bool is_in_library_directory(const Plan& plan, const InsidePath& path) {
    return std::ranges::find(plan.library_directories, path.parent())
           != plan.library_directories.end();
}

bool is_library(const Mount& mount) {
    return !mount.directory
           && (mount.kind == Mount::Kind::library || mount.kind == Mount::Kind::library32);
}

/// By file: whether the library there is one of 32 bits.
using Libraries = std::map<InsidePath, bool>;

Libraries planned_libraries(const Plan& plan) {
    Libraries found;
    for (const auto& mount : plan.mounts)
        if (is_library(mount) && is_in_library_directory(plan, mount.inside))
            found.emplace(mount.inside, mount.kind == Mount::Kind::library32);
    return found;
}

/// The library that a link leads to, by way of another link if need be.
Libraries::const_iterator library_behind(const Plan& plan, const Libraries& libraries,
                                         const Link& link) {
    auto place = destination(link);
    const auto next = std::ranges::find(plan.links, place, &Link::inside);
    if (next != plan.links.end())
        place = destination(*next);
    return place ? libraries.find(*place) : libraries.end();
}

LdCacheEntry entry_of(const DriverName& name) {
    using Machine = LdCacheEntry::Machine;
    return {.flags = ld_cache_flags(name.is_32bit ? Machine::native32 : Machine::native),
            .soname = name.path.name(),
            .path = name.path.text()};
}

/// ldconfig's order.
bool comes_before(const LdCacheEntry& one, const LdCacheEntry& other) {
    const int names = compare_ld_names(one.soname, other.soname);
    return names > 0 || (names == 0 && one.flags > other.flags);
}

/// The driver's, by SONAME.
using Index = std::unordered_multimap<std::string_view, const LdCacheEntry*>;

bool gives_way(const LdCacheEntry& image, const Index& driver) {
    const auto [first, last] = driver.equal_range(image.soname);
    return std::any_of(first, last, [&](const auto& known) {
        return known.second->flags == image.flags
               && (known.second->path == image.path || image.hwcap != 0);
    });
}

} // namespace

bool knows_driver_names(const Plan& plan) {
    return std::ranges::none_of(plan.mounts, [&](const Mount& mount) {
        const bool counts = mount.directory
                                ? std::ranges::find(plan.library_directories, mount.inside)
                                      != plan.library_directories.end()
                                : is_library(mount) && is_in_library_directory(plan, mount.inside);
        return counts && mount.soname.empty();
    });
}

std::vector<DriverName> driver_names(const Plan& plan) {
    const auto libraries = planned_libraries(plan);
    std::map<InsidePath, bool> names;
    for (const auto& mount : plan.mounts)
        if (const auto found = libraries.find(mount.inside);
            found != libraries.end() && !mount.soname.empty())
            names.emplace(mount.inside.parent() / mount.soname, found->second);
    for (const auto& link : plan.links)
        if (link.inside.name().ends_with(".so") && is_in_library_directory(plan, link.inside))
            if (const auto found = library_behind(plan, libraries, link); found != libraries.end())
                names.emplace(link.inside, found->second);
    std::vector<DriverName> out;
    for (const auto& [path, is_32bit] : names)
        out.push_back({path, is_32bit});
    return out;
}

LdCacheFile merge_driver(const LdCacheFile& image, const std::vector<DriverName>& names) {
    std::vector<LdCacheEntry> driver;
    std::ranges::transform(names, std::back_inserter(driver), entry_of);
    std::ranges::stable_sort(driver, comes_before);
    Index index;
    for (const auto& entry : driver)
        index.emplace(entry.soname, &entry);
    auto merged = image;
    std::erase_if(merged.entries, [&](const auto& entry) { return gives_way(entry, index); });
    const auto kept = std::exchange(merged.entries, {});
    merged.entries.reserve(kept.size() + driver.size());
    // among equal entries the first range comes first
    std::ranges::merge(driver, kept, std::back_inserter(merged.entries), comes_before);
    return merged;
}

} // namespace grapnel::apply
