// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.hpp"

#include "base/cdi_name.hpp"
#include "base/text.hpp"
#include "base/toml_text.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <functional>
#include <optional>

#define TOML_EXCEPTIONS 0
// bad input runs into assertions of toml++ 3.3 that its next lines answer with an error
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace grapnel {

namespace {

using Store = std::function<Status(Settings&, const toml::node&)>;

struct Key {
    std::string_view name; ///< with the tables that it stands in, separated by dots
    Store store;
};

template <typename T>
Result<T> value(const toml::node& node, std::string_view expected) {
    const auto found = node.value_exact<T>();
    if (!found)
        return refused("the value is not " + std::string(expected));
    return *found;
}

Store flag(bool Settings::*member) {
    return [member](Settings& settings, const toml::node& node) -> Status {
        settings.*member = GRAPNEL_TRY(value<bool>(node, "true or false"));
        return {};
    };
}

Store text(Status (*store)(Settings&, const std::string&)) {
    return [store](Settings& settings, const toml::node& node) -> Status {
        const auto string = GRAPNEL_TRY(value<std::string>(node, "a string"));
        return store(settings, string);
    };
}

/// An empty string stands for no path.
Store path(HostPath Settings::*member) {
    return [member](Settings& settings, const toml::node& node) -> Status {
        const auto string = GRAPNEL_TRY(value<std::string>(node, "a string"));
        settings.*member = string.empty() ? HostPath() : GRAPNEL_TRY(HostPath::make(string));
        return {};
    };
}

Store paths(std::vector<HostPath> Settings::*member) {
    return [member](Settings& settings, const toml::node& node) -> Status {
        const auto* const array = node.as_array();
        if (array == nullptr)
            return refused("the value is not an array of strings");
        (settings.*member).clear();
        for (const auto& element : *array) {
            const auto string = GRAPNEL_TRY(value<std::string>(element, "an array of strings"));
            (settings.*member).push_back(GRAPNEL_TRY(HostPath::make(string)));
        }
        return {};
    };
}

Store texts(std::vector<std::string> Settings::*member) {
    return [member](Settings& settings, const toml::node& node) -> Status {
        const auto* const array = node.as_array();
        if (array == nullptr)
            return refused("the value is not an array of strings");
        (settings.*member).clear();
        for (const auto& element : *array)
            (settings.*member)
                .push_back(GRAPNEL_TRY(value<std::string>(element, "an array of strings")));
        return {};
    };
}

/// A key of NVIDIA's that concerns a part that Grapnel does another
/// way; config/README.md lists them.
Status pass_over(Settings&, const toml::node&) {
    return {};
}

Status store_supported(Settings& settings, const std::string& list) {
    DriverCapabilities supported;
    for (const auto& name : comma_list(list)) {
        if (name == "all") {
            supported = DriverCapabilities::all();
            continue;
        }
        const auto capability = driver_capability(name);
        if (!capability)
            return refused("unknown driver capability " + quote(name),
                           "known are " + enumerate(DriverCapabilities::all().names()));
        supported.insert(*capability);
    }
    settings.supported_driver_capabilities = supported;
    return {};
}

/// Only a path on the host, marked by '@', is ever run: without it NVIDIA's tools run a program
/// of the image (CVE-2024-0136, CVE-2024-0137).
Status store_ldconfig(Settings& settings, const std::string& marked) {
    if (marked.empty() || marked.front() != '@')
        return refused("ldconfig " + quote(marked) + " would run a program of the image",
                       "write '@/sbin/ldconfig' for the host's");
    settings.ldconfig = GRAPNEL_TRY(HostPath::make(std::string_view(marked).substr(1)));
    return {};
}

Status store_ldcache_mode(Settings& settings, const std::string& mode) {
    constexpr std::array<std::pair<std::string_view, LdCache>, 3> modes{
        {{"auto", LdCache::automatic}, {"ldconfig", LdCache::ldconfig}, {"off", LdCache::off}}};
    const auto* const found = std::ranges::find(modes, mode, &decltype(modes)::value_type::first);
    if (found == modes.end())
        return refused("unknown ldcache " + quote(mode), "known are auto, ldconfig and off");
    settings.ldcache = found->second;
    return {};
}

Status store_compat_mode(Settings& settings, const std::string& mode) {
    settings.cuda_compat_mode = mode;
    return {};
}

Status store_root(Settings& settings, const std::string& root) {
    settings.driver_root = root.empty() ? host_path("/") : GRAPNEL_TRY(HostPath::make(root));
    return {};
}

Status store_mode(Settings& settings, const std::string& mode) {
    constexpr std::array<std::pair<std::string_view, RuntimeMode>, 5> modes{
        {{"auto", RuntimeMode::automatic},
         {"cdi", RuntimeMode::cdi},
         {"csv", RuntimeMode::csv},
         {"jit-cdi", RuntimeMode::jit_cdi},
         {"legacy", RuntimeMode::legacy}}};
    const auto* const found = std::ranges::find(modes, mode, &decltype(modes)::value_type::first);
    if (found == modes.end())
        return refused("unknown mode " + quote(mode),
                       "known are auto, cdi, csv, jit-cdi and legacy");
    settings.mode = found->second;
    return {};
}

Status store_csv_compat_directory(Settings& settings, const std::string& directory) {
    settings.csv_compat_directory = directory.empty() ? Settings{}.csv_compat_directory
                                                      : GRAPNEL_TRY(InsidePath::make(directory));
    return {};
}

Status store_csv_directory(Settings& settings, const std::string& directory) {
    settings.csv_directory =
        directory.empty() ? Settings{}.csv_directory : GRAPNEL_TRY(HostPath::make(directory));
    return {};
}

Status store_default_kind(Settings& settings, const std::string& kind) {
    if (!kind.empty() && !is_cdi_kind(kind))
        return refused(quote(kind) + " is no kind of devices",
                       "write VENDOR/CLASS, such as nvidia.com/gpu");
    settings.default_kind = kind.empty() ? Settings{}.default_kind : kind;
    return {};
}

Status store_annotation_prefixes(Settings& settings, const toml::node& node) {
    const auto* const array = node.as_array();
    if (array == nullptr)
        return refused("the value is not an array of strings");
    settings.annotation_prefixes.clear();
    for (const auto& element : *array) {
        auto prefix = GRAPNEL_TRY(value<std::string>(element, "an array of strings"));
        if (prefix.empty())
            return refused("an empty prefix stands for every annotation",
                           "write [] for none, or a prefix such as cdi.k8s.io/");
        settings.annotation_prefixes.push_back(std::move(prefix));
    }
    return {};
}

const std::vector<Key>& keys() {
    static const std::vector<Key> table{
        {"accept-nvidia-visible-devices-as-volume-mounts", flag(&Settings::accept_volume_mounts)},
        {"accept-nvidia-visible-devices-envvar-when-unprivileged",
         flag(&Settings::accept_environment_when_unprivileged)},
        {"binary-search-path", paths(&Settings::binary_search_path)},
        {"config-search-path", paths(&Settings::config_search_path)},
        {"device-root", path(&Settings::device_root)},
        {"disable-require", flag(&Settings::disable_require)},
        {"features.allow-cuda-compat-libs-from-container",
         flag(&Settings::allow_compat_from_container)},
        {"features.allow-ldconfig-from-container", pass_over},
        {"features.allow-unknown-oci-spec-fields", pass_over},
        {"features.disable-cuda-compat-lib-hook", flag(&Settings::disable_compat_hook)},
        {"features.disable-imex-channel-creation", flag(&Settings::disable_imex_channel_creation)},
        {"features.ignore-imex-channel-requests", flag(&Settings::ignore_imex_channel_requests)},
        {"features.no-additional-gids-for-device-nodes", flag(&Settings::no_additional_gids)},
        {"ldcache", text(store_ldcache_mode)},
        {"library-search-path", paths(&Settings::library_search_path)},
        {"log", path(&Settings::log)},
        {"nvidia-container-cli.debug", path(&Settings::log)},
        {"nvidia-container-cli.environment", pass_over},
        {"nvidia-container-cli.ldcache", path(&Settings::ldcache_file)},
        {"nvidia-container-cli.ldconfig", text(store_ldconfig)},
        {"nvidia-container-cli.load-kmods", flag(&Settings::load_kmods)},
        {"nvidia-container-cli.no-cgroups", flag(&Settings::no_cgroups)},
        {"nvidia-container-cli.no-pivot", pass_over},
        {"nvidia-container-cli.path", pass_over},
        {"nvidia-container-cli.root", text(store_root)},
        {"nvidia-container-cli.user",
         text([](Settings& settings, const std::string& user) -> Status {
             settings.probe_user = user;
             return {};
         })},
        {"nvidia-container-runtime-hook.path", pass_over},
        {"nvidia-container-runtime-hook.skip-mode-detection", pass_over},
        {"nvidia-container-runtime.debug", pass_over},
        {"nvidia-container-runtime.log-level", pass_over},
        {"nvidia-container-runtime.mode", text(store_mode)},
        {"nvidia-container-runtime.modes.cdi.annotation-prefixes", store_annotation_prefixes},
        {"nvidia-container-runtime.modes.cdi.default-kind", text(store_default_kind)},
        {"nvidia-container-runtime.modes.cdi.spec-dirs", pass_over},
        {"nvidia-container-runtime.modes.csv.compat-container-root",
         text(store_csv_compat_directory)},
        {"nvidia-container-runtime.modes.csv.mount-spec-path", text(store_csv_directory)},
        {"nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks", pass_over},
        {"nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags", pass_over},
        {"nvidia-container-runtime.modes.legacy.cuda-compat-mode", text(store_compat_mode)},
        {"nvidia-container-runtime.runtimes", texts(&Settings::runtimes)},
        {"nvidia-ctk.path", pass_over},
        {"probe", path(&Settings::probe)},
        {"supported-driver-capabilities", text(store_supported)},
        {"swarm-resource", text([](Settings& settings, const std::string& list) -> Status {
             settings.swarm_resources = comma_list(list);
             return {};
         })},
    };
    return table;
}

bool is_table_of_keys(const std::string& name) {
    return std::ranges::any_of(keys(),
                               [&](const auto& key) { return key.name.starts_with(name + "."); });
}

/// What becomes of a key that cannot be stored.
enum class Mistakes { are_errors, are_passed_over };

class Reader {
  public:
    Reader(Settings& settings, Dialect dialect, std::string_view name, Mistakes mistakes)
        : settings_(settings), dialect_(dialect), name_(name), mistakes_(mistakes) {}

    Status table(const toml::table& table, const std::string& prefix) {
        for (const auto& [key, node] : table) {
            const auto full = prefix + std::string(key.str());
            const auto* const below = node.as_table();
            const bool is_value = below == nullptr || (below->empty() && !is_table_of_keys(full));
            const auto done = is_value ? store(full, node) : this->table(*below, full + ".");
            if (!done && mistakes_ == Mistakes::are_errors)
                return done;
        }
        return {};
    }

  private:
    Status store(const std::string& full, const toml::node& node) {
        const auto where = fmt::format("{}:{}", name_, node.source().begin.line);
        const auto key = std::ranges::find(keys(), full, &Key::name);
        if (key != keys().end())
            return key->store(settings_, node).note(full).note(where);
        if (dialect_ == Dialect::nvidia)
            return {};
        return Status(refused("unknown key " + quote(full), "see grapnel.toml(5)")).note(where);
    }

    Settings& settings_;
    Dialect dialect_;
    std::string_view name_;
    Mistakes mistakes_;
};

Result<Settings> read_settings(std::string_view toml, Dialect dialect, std::string_view name,
                               Mistakes mistakes) {
    if (toml.size() > settings_size_limit)
        return refused(std::string(name) + " is longer than 64 KiB");
    GRAPNEL_TRY(check_toml_depth(toml, name));
    const auto parsed = toml::parse(toml);
    if (!parsed)
        return refused(fmt::format("{}:{}: {}", name, parsed.error().source().begin.line,
                                   parsed.error().description()));
    Settings settings;
    GRAPNEL_TRY(Reader(settings, dialect, name, mistakes).table(parsed.table(), ""));
    return settings;
}

} // namespace

bool Settings::forward_compat() const {
    constexpr std::array<std::string_view, 3> on{"ldconfig", "mount", "hook"};
    if (disable_compat_hook || cuda_compat_mode == "disabled")
        return false;
    return allow_compat_from_container || std::ranges::find(on, cuda_compat_mode) != on.end();
}

HostPath installed_probe() {
    return host_path(GRAPNEL_LIBEXEC "/grapnel-probe");
}

Result<Settings> parse_settings(std::string_view toml, Dialect dialect, std::string_view name) {
    return read_settings(toml, dialect, name, Mistakes::are_errors);
}

Settings salvage_settings(std::string_view toml) {
    auto settings =
        read_settings(toml, Dialect::nvidia, "", Mistakes::are_passed_over).value_or(Settings{});
    if (settings.runtimes.empty())
        settings.runtimes = Settings{}.runtimes;
    return settings;
}

} // namespace grapnel
