// SPDX-License-Identifier: Apache-2.0
#include "driver/serialized_inventory.hpp"

#include "base/notices.hpp"

#include <algorithm>
#include <concepts>
#include <limits>
#include <set>
#include <tuple>
#include <type_traits>

namespace grapnel {

namespace {

constexpr std::string_view header = "grapnel inventory 4\n";
constexpr std::size_t number_size = 8;

template <typename T, typename Type>
concept Is = std::same_as<std::remove_const_t<T>, Type>;

template <typename T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

template <typename T>
concept Enum = std::is_enum_v<T>;

constexpr auto last_of(SamePlace::Kind /*any*/) {
    return SamePlace::Kind::link;
}
constexpr auto last_of(Severity /*any*/) {
    return Severity::warning;
}
constexpr auto last_of(driver::Observation::Kind /*any*/) {
    return driver::Observation::Kind::names;
}
constexpr auto last_of(Error::Kind /*any*/) {
    return Error::Kind::usage;
}
constexpr auto last_of(Error::Subject /*any*/) {
    return Error::Subject::ldcache;
}

/// The members of each structure: a member that is added does not compile before it is here.
auto members_of(Is<DeviceNumber> auto& of) {
    auto& [a, b] = of;
    return std::tie(a, b);
}
auto members_of(Is<NodeAttributes> auto& of) {
    auto& [a, b, c] = of;
    return std::tie(a, b, c);
}
auto members_of(Is<Node> auto& of) {
    auto& [a, b, c, d, e, f, g, h, i, j] = of;
    return std::tie(a, b, c, d, e, f, g, h, i, j);
}
auto members_of(Is<MigDevice> auto& of) {
    auto& [a, b, c, d, e, f] = of;
    return std::tie(a, b, c, d, e, f);
}
auto members_of(Is<Gpu> auto& of) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = of;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
}
auto members_of(Is<MigManagement> auto& of) {
    auto& [a, b, c, d, e, f] = of;
    return std::tie(a, b, c, d, e, f);
}
auto members_of(Is<GroupDevices> auto& of) {
    auto& [a, b, c] = of;
    return std::tie(a, b, c);
}
auto members_of(Is<Library> auto& of) {
    auto& [a, b, c, d, e] = of;
    return std::tie(a, b, c, d, e);
}
auto members_of(Is<Binary> auto& of) {
    auto& [a, b, c] = of;
    return std::tie(a, b, c);
}
auto members_of(Is<ConfigFile> auto& of) {
    auto& [a, b, c] = of;
    return std::tie(a, b, c);
}
auto members_of(Is<ProcFile> auto& of) {
    auto& [a, b] = of;
    return std::tie(a, b);
}
auto members_of(Is<SamePlace> auto& of) {
    auto& [a, b, c] = of;
    return std::tie(a, b, c);
}
auto members_of(Is<PassThrough> auto& of) {
    auto& [a, b, c, d, e] = of;
    return std::tie(a, b, c, d, e);
}
auto members_of(Is<KnownGpu> auto& of) {
    auto& [a, b, c, d, e] = of;
    return std::tie(a, b, c, d, e);
}
auto members_of(Is<sys::FileId> auto& of) {
    auto& [a, b] = of;
    return std::tie(a, b);
}
auto members_of(Is<KnownDirectory> auto& of) {
    auto& [a, b, c, d] = of;
    return std::tie(a, b, c, d);
}
auto members_of(Is<Notice> auto& of) {
    auto& [a, b] = of;
    return std::tie(a, b);
}
auto members_of(Is<Notices> auto& of) {
    auto& [a] = of;
    return std::tie(a);
}
auto members_of(Is<Inventory> auto& of) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y] = of;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y);
}
auto members_of(Is<driver::Observation> auto& of) {
    auto& [a, b, c] = of;
    return std::tie(a, b, c);
}
auto members_of(Is<ObservedInventory> auto& of) {
    auto& [a, b] = of;
    return std::tie(a, b);
}
auto members_of(Is<ImexChannels> auto& of) {
    auto& [a, b] = of;
    return std::tie(a, b);
}
auto members_of(Is<CsvScope> auto& of) {
    auto& [a, b, c, d, e] = of;
    return std::tie(a, b, c, d, e);
}
/// Of its members those that an inventory depends on.
auto members_of(Is<InventoryScope> auto& of) {
    auto& [driver, capabilities, named, cuda_version, arch, libraries, binaries, configs, ldcache,
           known_gpus, known_directories, unchanged_since_ns, readable, mig_devices, mig_management,
           all_nodes, channels, groups, may_make_nodes, may_make_channels, csv] = of;
    return std::tie(driver, capabilities, named, cuda_version, arch, libraries, binaries, configs,
                    ldcache, mig_devices, mig_management, all_nodes, channels, groups,
                    may_make_channels, csv);
}
auto members_of(Is<Error> auto& of) {
    auto& [a, b, c, d, e, f] = of;
    return std::tie(a, b, c, d, e, f);
}

class InventoryWriter {
  public:
    explicit InventoryWriter(std::string& out) : out_(out) {}

    void put(Is<bool> auto value) { out_.push_back(value ? '\1' : '\0'); }
    void put(Number auto value) {
        auto left = static_cast<std::uint64_t>(value);
        for (std::size_t i = 0; i < number_size; ++i, left >>= 8U)
            out_.push_back(static_cast<char>(left & 0xffU));
    }
    void put(Enum auto value) { put(static_cast<std::uint64_t>(value)); }
    void put(const std::string& text) {
        put(text.size());
        out_ += text;
    }
    template <typename Where>
    void put(const BasicPath<Where>& path) {
        put(path.text());
    }
    void put(const DriverCapabilities& set) {
        for (std::size_t i = 0; i < driver_capability_names.size(); ++i)
            put(set.has(static_cast<DriverCapability>(i)));
    }
    template <typename T>
    void put(const std::optional<T>& value) {
        put(value.has_value());
        if (value)
            put(*value);
    }
    template <typename T>
    void put(const std::vector<T>& values) {
        put(values.size());
        for (const auto& value : values)
            put(value);
    }
    template <typename T>
    void put(const std::set<T>& values) {
        put(values.size());
        for (const auto& value : values)
            put(value);
    }
    template <typename Key, typename T>
    void put(const std::map<Key, T>& values) {
        put(values.size());
        for (const auto& [key, value] : values) {
            put(key);
            put(value);
        }
    }
    template <typename T>
    requires requires(const T& of) { members_of(of); }
    void put(const T& structure) {
        std::apply([&](const auto&... member) { (put(member), ...); }, members_of(structure));
    }

  private:
    std::string& out_;
};

/// Each take() is false if the bytes are not of the form; the value is then of no use.
class InventoryReader {
  public:
    explicit InventoryReader(std::string_view bytes) : left_(bytes) {}

    [[nodiscard]] bool is_at_end() const { return left_.empty(); }

    bool take(bool& value) {
        if (left_.empty() || static_cast<unsigned char>(left_.front()) > 1)
            return false;
        value = left_.front() == '\1';
        left_.remove_prefix(1);
        return true;
    }
    bool take(Number auto& value) {
        if (left_.size() < number_size)
            return false;
        std::uint64_t number = 0;
        for (std::size_t i = number_size; i-- > 0;)
            number = number << 8U | static_cast<unsigned char>(left_[i]);
        left_.remove_prefix(number_size);
        value = static_cast<std::remove_reference_t<decltype(value)>>(number);
        return static_cast<std::uint64_t>(value) == number; // of a smaller type: it fits
    }
    bool take(Enum auto& value) {
        std::uint64_t number = 0;
        if (!take(number) || number > static_cast<std::uint64_t>(last_of(value)))
            return false;
        value = static_cast<std::remove_reference_t<decltype(value)>>(number);
        return true;
    }
    bool take(std::string& text) {
        std::size_t length = 0;
        if (!take(length) || length > left_.size())
            return false;
        text = left_.substr(0, length);
        left_.remove_prefix(length);
        return true;
    }
    template <typename Where>
    bool take(BasicPath<Where>& path) {
        std::string text;
        if (!take(text))
            return false;
        if (text.empty()) // a path that is not known
            return true;
        auto normal = BasicPath<Where>::make(text);
        if (!normal || normal->text() != text)
            return false;
        path = std::move(*normal);
        return true;
    }
    bool take(DriverCapabilities& set) {
        bool has = false;
        for (std::size_t i = 0; i < driver_capability_names.size(); ++i) {
            if (!take(has))
                return false;
            if (has)
                set.insert(static_cast<DriverCapability>(i));
        }
        return true;
    }
    template <typename T>
    bool take(std::optional<T>& value) {
        bool has = false;
        return take(has) && (!has || take(value.emplace()));
    }
    /// No memory is set aside by the count: each element takes bytes.
    template <typename T>
    bool take(std::vector<T>& values) {
        std::size_t count = 0;
        if (!take(count))
            return false;
        for (; count > 0; --count)
            if (!take(values.emplace_back()))
                return false;
        return true;
    }
    template <typename Key, typename T>
    bool take(std::map<Key, T>& values) {
        std::size_t count = 0;
        if (!take(count))
            return false;
        for (; count > 0; --count) {
            Key key{};
            if (!take(key) || (!values.empty() && key <= values.rbegin()->first)
                || !take(values[key]))
                return false;
        }
        return true;
    }
    template <typename T>
    requires requires(T& of) { members_of(of); }
    bool take(T& structure) {
        return std::apply([&](auto&... member) { return (take(member) && ...); },
                          members_of(structure));
    }

  private:
    std::string_view left_;
};

template <typename T>
bool has_indices_in_order(const std::vector<T>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (parts[i].index != i)
            return false;
    return true;
}

/// The rules of inventory.hpp that the types do not hold, as far as paths in a container are made
/// of a value.
bool is_sound(const Inventory& inventory) {
    const auto is_plain_or_empty = [](const std::string& name) {
        return name.empty() || is_plain_name(name);
    };
    return is_plain_or_empty(inventory.driver_version) && has_indices_in_order(inventory.gpus)
           && std::ranges::all_of(
               inventory.gpus, [](const Gpu& gpu) { return has_indices_in_order(gpu.mig_devices); })
           && std::ranges::all_of(inventory.libraries,
                                  [&](const Library& library) {
                                      return is_plain_or_empty(library.soname)
                                             && is_plain_or_empty(library.subdirectory);
                                  })
           && std::ranges::is_sorted(inventory.libraries, {}, &Library::path)
           && std::ranges::all_of(inventory.binaries,
                                  [](const Binary& binary) { return is_plain_name(binary.name); })
           && std::ranges::all_of(inventory.mig_management.nodes,
                                  [](const Node& node) { return node.found.has_value(); });
}

Error malformed() {
    return refused("the confined process that looks at the host gave no inventory: its output is "
                   "not of the form",
                   "this is a mistake in Grapnel, or the process was taken over: report it with "
                   "the output of --dry-run");
}

} // namespace

std::string serialize(const Result<ObservedInventory>& inventory) {
    std::string out(header);
    InventoryWriter writer(out);
    writer.put(inventory.has_value());
    if (inventory)
        writer.put(*inventory);
    else
        writer.put(inventory.error());
    return out;
}

Result<ObservedInventory> parse_serialized_inventory(std::string_view bytes) {
    if (bytes.size() > serialized_inventory_limit || !bytes.starts_with(header))
        return malformed();
    InventoryReader reader(bytes.substr(header.size()));
    bool is_inventory = false;
    if (!reader.take(is_inventory))
        return malformed();
    ObservedInventory observed;
    Error error;
    const bool whole =
        is_inventory ? reader.take(observed) && is_sound(observed.inventory) : reader.take(error);
    if (!whole || !reader.is_at_end())
        return malformed();
    if (!is_inventory)
        return error;
    return observed;
}

std::string serialize(const InventoryScope& scope, bool may_make_nodes) {
    std::string out;
    InventoryWriter writer(out);
    writer.put(scope);
    writer.put(may_make_nodes);
    return out;
}

} // namespace grapnel
