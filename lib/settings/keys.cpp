// SPDX-License-Identifier: Apache-2.0
#include "settings/keys.hpp"

#include "base/cdi_name.hpp"
#include "base/closest.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace grapnel {

namespace {

template <typename T>
Result<T> value(const toml::node& node, std::string_view expected) {
    const auto found = node.value_exact<T>();
    if (found)
        return *found;
    const auto* const string = node.as_string();
    const bool is_quoted =
        string != nullptr && (string->get() == "true" || string->get() == "false");
    return refused("the value is not " + std::string(expected),
                   is_quoted ? "write it without quotes" : "");
}

/// The value that a word of the file names; an error names all known words.
template <typename T, std::size_t size>
Result<T> choice(const char* kind, const std::string& word,
                 const std::array<std::pair<std::string_view, T>, size>& known) {
    const auto* const found =
        std::ranges::find(known, word, &std::pair<std::string_view, T>::first);
    if (found != known.end())
        return found->second;
    std::vector<std::string_view> words;
    for (const auto& entry : known)
        words.push_back(entry.first);
    auto advice = "known are " + enumerate({words.begin(), words.end()});
    if (const auto meant = suggestion(word, words); !meant.empty())
        advice = meant + " (" + advice + ")";
    return refused("unknown " + std::string(kind) + " " + quote(word), advice);
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
    settings.ldcache = GRAPNEL_TRY(choice("ldcache", mode, modes));
    return {};
}

/// A file's path, "journal" or "syslog"; an empty string for nowhere.
Status store_log(Settings& settings, const std::string& place) {
    settings.log_target = place == "journal"  ? LogTarget::journal
                          : place == "syslog" ? LogTarget::syslog
                                              : LogTarget::file;
    const bool is_path = settings.log_target == LogTarget::file && !place.empty();
    settings.log = is_path ? GRAPNEL_TRY(HostPath::make(place).cure(
                       "name a file by its absolute path, or write \"journal\" or \"syslog\""))
                           : HostPath();
    return {};
}

Status store_log_format(Settings& settings, const std::string& format) {
    constexpr std::array<std::pair<std::string_view, LogFormat>, 2> formats{
        {{"text", LogFormat::text}, {"json", LogFormat::json}}};
    settings.log_format = GRAPNEL_TRY(choice("log format", format, formats));
    return {};
}

Status store_log_level(Settings& settings, const std::string& level) {
    constexpr std::array<std::pair<std::string_view, LogLevel>, 4> levels{
        {{"error", LogLevel::error},
         {"warning", LogLevel::warning},
         {"notice", LogLevel::notice},
         {"info", LogLevel::info}}};
    settings.log_level = GRAPNEL_TRY(choice("log level", level, levels));
    return {};
}

Status store_swarm_resources(Settings& settings, const std::string& list) {
    settings.swarm_resources = comma_list(list);
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
    settings.mode = GRAPNEL_TRY(choice("mode", mode, modes));
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

} // namespace

const std::vector<Key>& known_keys() {
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
        {"log", text(store_log)},
        {"log-format", text(store_log_format)},
        {"log-level", text(store_log_level)},
        {"nvidia-container-cli.debug", text(store_log)},
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
        {"swarm-resource", text(store_swarm_resources)},
    };
    return table;
}

} // namespace grapnel
