// SPDX-License-Identifier: Apache-2.0
#include "prepare/inventory_cache.hpp"

#include "base/format.hpp"
#include "prepare/state_file.hpp"
#include "sys/file.hpp"

#include <cstddef>
#include <functional>
#include <string_view>

namespace grapnel {

namespace {

constexpr std::size_t places = 256;                        ///< so many scopes are kept at once
constexpr std::size_t most_bytes = std::size_t{256} << 10; ///< of an entry: /run is memory
constexpr std::size_t most_observations = 4096;
constexpr std::uint32_t writable_by_others = 022;

/// A program that was replaced may see the host in another way.
std::optional<std::string> program_and_boot(const sys::HostFs& host) {
    const auto program = host.stat(host_path("/proc/self/exe"));
    const auto boot = host.read(host_path("/proc/sys/kernel/random/boot_id"));
    if (!program || !boot || boot->empty())
        return std::nullopt;
    return format_text("{} {} {} {}", *boot, program->device, program->inode, program->changed_ns);
}

/// The text of a file that root alone can write.
std::optional<std::string> text_of_root(const HostPath& path) {
    const auto opened = sys::open_host_file(path);
    if (!opened)
        return std::nullopt;
    const auto facts = sys::facts(opened->ref(), "");
    if (!facts || facts->owner.user != 0 || (facts->mode & writable_by_others) != 0)
        return std::nullopt;
    auto text = sys::read_all(opened->ref(), serialized_inventory_limit, path.text());
    return text ? std::optional(std::move(*text)) : std::nullopt;
}

} // namespace

const HostPath& inventory_cache_directory() {
    static const auto directory = host_path("/run/grapnel-inventory");
    return directory;
}

InventoryCache::InventoryCache(const sys::HostFs& host, const std::string& question) : host_(host) {
    const auto identity = program_and_boot(host);
    if (!identity)
        return;
    key_ =
        format_text("grapnel inventory cache 1\n{}\n{}\n", *identity, question.size()) + question;
    file_ =
        inventory_cache_directory() / format_text("{:x}", std::hash<std::string>()(key_) % places);
}

std::optional<Inventory> InventoryCache::read() const {
    if (key_.empty())
        return std::nullopt;
    const auto text = text_of_root(file_);
    if (!text || !text->starts_with(key_))
        return std::nullopt;
    auto kept = parse_serialized_inventory(std::string_view(*text).substr(key_.size()));
    if (!kept || !kept->observations || !driver::gives_same_answers(host_, *kept->observations))
        return std::nullopt;
    return std::move(kept->inventory);
}

void InventoryCache::keep(const ObservedInventory& observed, const Log& log) const {
    if (key_.empty() || !observed.observations || observed.observations->size() > most_observations)
        return;
    const auto text = key_ + serialize(observed);
    if (text.size() <= most_bytes)
        keep_file(file_, text, log);
}

} // namespace grapnel
