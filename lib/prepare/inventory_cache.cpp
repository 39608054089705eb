// SPDX-License-Identifier: Apache-2.0
#include "prepare/inventory_cache.hpp"

#include "base/format.hpp"
#include "base/text.hpp"
#include "prepare/state_file.hpp"
#include "sys/file.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

namespace grapnel {

namespace {

constexpr std::size_t places = 256;                        ///< so many scopes are kept at once
constexpr std::size_t most_bytes = std::size_t{256} << 10; ///< of an entry: /run is memory
constexpr std::size_t most_observations = 4096;
constexpr std::uint32_t writable_by_others = 022;

constexpr std::string_view form = "grapnel inventory cache 2";

/// The first lines of an entry.
struct Key {
    std::string boot = {};
    std::string program = {};
    std::string identity =
        {}; ///< of the program, which may see the host in another way once replaced
    std::string driver_root = {};
    std::string device_root = {};
    std::string scope = {};
};

constexpr std::size_t key_lines = 7; ///< before the scope

/// Without a boot or program no entry is known from another; a line feed would end a line.
bool is_usable(const Key& key) {
    return !key.boot.empty() && !key.identity.empty()
           && (key.program + key.driver_root + key.device_root).find('\n') == std::string::npos;
}

std::string to_text(const Key& key) {
    return format_text("{}\n{}\n{}\n{}\n{}\n{}\n{}\n", form, key.boot, key.program, key.identity,
                       key.driver_root, key.device_root, key.scope.size())
           + key.scope;
}

std::string boot_id(const sys::HostFs& host) {
    const auto boot = host.read(host_path("/proc/sys/kernel/random/boot_id"));
    return boot ? std::string(trim(*boot)) : std::string();
}

std::string identity_of(const sys::HostFs& host, const HostPath& program) {
    const auto facts = host.stat(program);
    return facts ? format_text("{} {} {}", facts->device, facts->inode, facts->changed_ns)
                 : std::string();
}

bool take_path(std::string_view text, HostPath& place) {
    if (text.empty())
        return true;
    auto path = HostPath::make(text);
    if (path)
        place = std::move(*path);
    return path.has_value();
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

InventoryCache::InventoryCache(const sys::HostFs& host, const DriverRoots& roots,
                               const std::string& scope)
    : host_(host) {
    static const auto self = host_path("/proc/self/exe");
    const Key key{.boot = boot_id(host),
                  .program = host.read_link(self).value_or(""),
                  .identity = identity_of(host, self),
                  .driver_root = roots.driver.text(),
                  .device_root = roots.device.text(),
                  .scope = scope};
    if (!is_usable(key))
        return;
    key_ = to_text(key);
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

std::optional<CachedInventory> read_cached_inventory(const sys::HostFs& host,
                                                     const HostPath& file) {
    const auto text = text_of_root(file);
    if (!text)
        return std::nullopt;
    std::string_view rest = *text;
    std::array<std::string_view, key_lines> lines{};
    for (auto& line : lines) {
        const auto end = std::min(rest.find('\n'), rest.size());
        line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto& [version, boot, program, identity, driver_root, device_root, scope_size] = lines;
    const auto scope = parse_number<std::size_t>(scope_size);
    if (version != form || boot != boot_id(host) || !scope || *scope > rest.size())
        return std::nullopt;
    auto observed = parse_serialized_inventory(rest.substr(*scope));
    if (!observed || !observed->observations)
        return std::nullopt;
    CachedInventory out{.observed = std::move(*observed)};
    if (!take_path(program, out.program) || !take_path(driver_root, out.roots.driver)
        || !take_path(device_root, out.roots.device))
        return std::nullopt;
    out.is_of_program = identity == identity_of(host, out.program);
    return out;
}

} // namespace grapnel
