// SPDX-License-Identifier: Apache-2.0
#include "prepare/host_look.hpp"

#include "base/text.hpp"
#include "confine/confined_child.hpp"
#include "driver/inventory_check.hpp"
#include "driver/observed_host.hpp"
#include "driver/readable_paths.hpp"
#include "driver/serialized_inventory.hpp"
#include "prepare/confinement.hpp"
#include "prepare/inventory_cache.hpp"
#include "prepare/state_file.hpp"
#include "sys/file.hpp"
#include "sys/node.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>

namespace grapnel {

namespace {

constexpr std::size_t boot_id_limit = 4096;
constexpr std::size_t look_limit = serialized_inventory_limit + (std::size_t{64} << 10);
constexpr std::size_t error_limit = std::size_t{64} << 10;

Result<std::string> boot_id() {
    return sys::read_host_file(host_path("/proc/sys/kernel/random/boot_id"), boot_id_limit);
}

std::vector<KnownDirectory> known_directories() {
    const auto text = read_state_file(directory_cache);
    return text ? parse_known_directories(*text) : std::vector<KnownDirectory>();
}

/// A file's time is the kernel's last tick, and on the coarsest file system a whole second.
std::int64_t moments_ago_ns() {
    namespace chrono = std::chrono;
    const auto then = chrono::system_clock::now() - chrono::seconds(2);
    return chrono::duration_cast<chrono::nanoseconds>(then.time_since_epoch()).count();
}

/// In the child: a line, which says why Landlock does not confine it or is empty, and the
/// inventory.
Result<std::string> look_confined(const HostLook& look, InventoryScope scope) {
    try {
        auto confined = GRAPNEL_TRY(confine_look(look.settings));
        scope.readable = std::move(confined.readable);
        const driver::ObservedHost observed(look.host);
        auto inventory = take_inventory(observed, scope);
        auto result = inventory ? Result<ObservedInventory>({.inventory = std::move(*inventory)})
                                : Result<ObservedInventory>(inventory.error());
        if (result)
            result->observations = observed.observations(scope.unchanged_since_ns);
        return (confined.landlock ? "" : confined.landlock.error().text()) + "\n"
               + serialize(result);
    } catch (const std::bad_alloc&) {
        return refused(out_of_memory);
    }
}

/// The output of the child is not trusted.
Result<ObservedInventory> look_in_child(const HostLook& look, const InventoryScope& scope) {
    const auto output =
        GRAPNEL_TRY(confine::look_apart(look_limit, [&] { return look_confined(look, scope); }));
    const std::string_view bytes = output;
    const auto end = std::min(bytes.find('\n'), bytes.size());
    if (end > 0)
        look.log.debug("look at the host: " + fit_line(bytes.substr(0, end)));
    return parse_serialized_inventory(bytes.substr(std::min(end + 1, bytes.size())));
}

/// In a child that is confined like the one that looked: it parses the host's lists of libraries.
Result<std::string> check_confined(const HostLook& look, const InventoryScope& scope,
                                   const Inventory& inventory) {
    (void)GRAPNEL_TRY(confine_look(look.settings)); // without Landlock, by system calls alone
    GRAPNEL_TRY(check_inventory(look.host, scope, readable_paths(look.host, scope), inventory));
    return std::string();
}

std::optional<InventoryCache> inventory_cache(const HostLook& look, const InventoryScope& scope) {
    if (look.caches == HostLook::Caches::are_left)
        return std::nullopt;
    return InventoryCache(look.host, {look.settings.driver_root, look.settings.device_root},
                          serialize(scope, scope.may_make_nodes()));
}

Result<Inventory> inventory_by_child(const HostLook& look, const InventoryScope& scope,
                                     const std::optional<InventoryCache>& cache) {
    auto observed = GRAPNEL_TRY(look_in_child(look, scope));
    GRAPNEL_TRY(confine::look_apart(
        error_limit, [&] { return check_confined(look, scope, observed.inventory); }));
    // else the child read of the GPUs what the next one knows: the driver takes its time to answer
    if (cache && observed.inventory.known_gpus == scope.known_gpus)
        cache->keep(observed, look.log);
    return std::move(observed.inventory);
}

} // namespace

/// Without the file, or with a damaged one, the driver is asked. The kernel counts the bindings
/// of a driver from the start of the machine: another boot knows nothing.
std::vector<KnownGpu> known_gpus_of_this_boot() {
    const auto text = read_state_file(gpu_info_cache);
    const auto boot = boot_id();
    return text && boot && text->starts_with(*boot) ? parse_known_gpus(*text)
                                                    : std::vector<KnownGpu>();
}

Result<Inventory> look_at_host(const HostLook& look, InventoryScope scope) {
    const auto known = known_gpus_of_this_boot();
    const auto directories = known_directories();
    scope.readable = look.readable;
    scope.known_gpus = known;
    scope.known_directories = directories;
    scope.unchanged_since_ns = moments_ago_ns();
    const bool may_make_nodes = look.settings.load_kmods && sys::may_make_nodes();
    scope.may_make_nodes = [=] { return may_make_nodes; }; // also in a child, which may not
    const auto cache = inventory_cache(look, scope);
    if (cache)
        if (auto kept = cache->read())
            return std::move(*kept);
    if (look.caches == HostLook::Caches::suffice)
        return refused("the inventory cache has no valid inventory");
    auto inventory = GRAPNEL_TRY(look.in_child ? inventory_by_child(look, scope, cache)
                                               : take_inventory(look.host, scope));
    if (look.caches == HostLook::Caches::are_left)
        return inventory;
    if (inventory.known_gpus != known)
        if (const auto boot = boot_id())
            keep_state_file(gpu_info_cache, *boot + to_text(inventory.known_gpus), look.log);
    if (inventory.known_directories != directories)
        keep_state_file(directory_cache, to_text(inventory.known_directories), look.log);
    return inventory;
}

} // namespace grapnel
