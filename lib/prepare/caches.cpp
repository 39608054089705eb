// SPDX-License-Identifier: Apache-2.0
#include "prepare/caches.hpp"

#include "base/format.hpp"
#include "driver/known_directories.hpp"
#include "driver/rooted_host.hpp"
#include "prepare/host_look.hpp"
#include "prepare/inventory_cache.hpp"
#include "prepare/state_file.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <string_view>

namespace grapnel {

namespace {

/// Nothing is there: no error.
Result<std::vector<std::string>> names_in(const sys::HostFs& host, const HostPath& directory) {
    auto names = host.list(directory);
    if (!names && sys::is_missing(names.error()))
        return std::vector<std::string>();
    return names;
}

Result<std::vector<HostPath>> cache_files(const sys::HostFs& host) {
    std::vector<HostPath> files;
    for (const auto& name : GRAPNEL_TRY(names_in(host, inventory_cache_directory())))
        files.push_back(inventory_cache_directory() / name);
    const auto others = GRAPNEL_TRY(names_in(host, state_directory()));
    for (const auto name : {gpu_info_cache, directory_cache, probe_cache})
        if (std::ranges::find(others, name) != others.end())
            files.push_back(state_directory() / name);
    return files;
}

/// The path that is not as it was when the entry was made; empty: the entry is valid.
std::string change_of(const sys::HostFs& host, const CachedInventory& entry) {
    const auto root = rooted_host(host, entry.roots.driver, entry.roots.device);
    if (!root)
        return entry.roots.driver.text();
    const auto& seen = *root ? static_cast<const sys::HostFs&>(**root) : host;
    const auto changed = driver::changed_answer(seen, *entry.observed.observations);
    return changed ? changed->text() : std::string();
}

void describe_inventory(const sys::HostFs& host, CacheFile& file) {
    file.content = "inventory";
    const auto entry = read_cached_inventory(host, file.path);
    if (!entry) {
        file.fault = "damaged, or of an earlier boot or version";
        return;
    }
    const auto& inventory = entry->observed.inventory;
    file.content =
        format_text("inventory for {}: driver {}, {} GPUs, {} libraries", entry->program.name(),
                    inventory.driver_version, inventory.gpus.size(), inventory.libraries.size());
    const auto changed = change_of(host, *entry);
    if (!entry->is_of_program)
        file.fault = entry->program.text() + " was replaced";
    else if (!changed.empty())
        file.fault = changed + " has changed";
}

/// The boot of the file is checked; each GPU in it when a start reads it.
void describe_gpus(CacheFile& file) {
    const auto known = known_gpus_of_this_boot();
    file.content = format_text("GPU info: {} GPUs", known.size());
    if (known.empty())
        file.fault = "damaged, or of an earlier boot";
}

void describe_directories(CacheFile& file) {
    const auto text = read_state_file(directory_cache);
    const auto known = text ? parse_known_directories(*text) : std::vector<KnownDirectory>();
    file.content = format_text("names: {} directories of libraries", known.size());
}

void describe(const sys::HostFs& host, CacheFile& file) {
    const auto name = file.path.name();
    if (file.path.parent() == inventory_cache_directory())
        describe_inventory(host, file);
    else if (name == gpu_info_cache)
        describe_gpus(file);
    else if (name == directory_cache)
        describe_directories(file);
    else
        file.content = "probe: the answer of libnvidia-ml.so.1";
}

} // namespace

Result<std::vector<CacheFile>> list_caches(const sys::HostFs& host) {
    std::vector<CacheFile> out;
    for (const auto& path : GRAPNEL_TRY(cache_files(host))) {
        const auto facts = host.stat_link(path);
        if (!facts && sys::is_missing(facts.error()))
            continue; // a start has replaced it just now
        CacheFile file{.path = path};
        file.bytes = GRAPNEL_TRY(facts).size;
        file.written_ns = facts->modified_ns;
        describe(host, file);
        out.push_back(std::move(file));
    }
    return out;
}

Result<std::vector<HostPath>> drop_caches(const sys::HostFs& host) {
    std::vector<HostPath> dropped;
    for (const auto& path : GRAPNEL_TRY(cache_files(host))) {
        const auto directory = GRAPNEL_TRY(sys::open_host_directory(path.parent()));
        const auto removed = sys::remove_file_in(directory.ref(), std::string(path.name()));
        if (removed)
            dropped.push_back(path);
        else if (!sys::is_missing(removed.error()))
            return removed.error();
    }
    return dropped;
}

} // namespace grapnel
