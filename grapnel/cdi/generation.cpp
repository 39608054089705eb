// SPDX-License-Identifier: Apache-2.0
// The options of `generate`, as a file to be written.
#include "base/cdi_name.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "cdi/options.hpp"
#include "host.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace grapnel::cdi_command {

namespace {

template <typename T>
using Names = std::vector<std::pair<std::string_view, T>>;

template <typename T>
Result<T> value_named(const Names<T>& table, std::string_view subject, std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : table) {
        if (equal_ignoring_case(name, word))
            return value;
        names.push_back(name);
    }
    return unknown_word(subject, word, names, tool);
}

/// nvidia-ctk's kinds of host are one here: the host shows its own.
const Names<CdiClass>& modes() {
    using enum CdiClass;
    static const Names<CdiClass> table{
        {"auto", gpu},          {"gpu", gpu},          {"nvml", gpu},
        {"wsl", gpu},           {"csv", gpu},          {"management", management},
        {"gds", gds},           {"mofed", mofed},      {"gdrcopy", gdrcopy},
        {"nvswitch", nvswitch}, {"imex", imex_channel}};
    return table;
}

/// A value of nvidia-ctk's can be several, with commas between them.
std::vector<std::string> split_values(const std::vector<std::string>& values) {
    std::vector<std::string> out;
    for (const auto& value : values)
        for (auto& part : comma_list(value))
            out.push_back(std::move(part));
    return out;
}

/// CDI's grammar: a letter, then letters, digits, '_', '-' and '.', and a letter or digit at the
/// end.
Result<std::string> kind_of(const Given& given, CdiClass devices) {
    const auto usual = cdi_kind(devices);
    const auto slash = usual.find('/');
    const auto vendor = given.vendor.value_or(std::string(usual.substr(0, slash)));
    const auto device_class = given.device_class.value_or(std::string(usual.substr(slash + 1)));
    auto kind = vendor + "/" + device_class;
    const auto ends_well = [](const std::string& text) {
        return !text.empty() && std::string_view("_-.").find(text.back()) == std::string_view::npos;
    };
    if (!is_cdi_kind(kind) || vendor.find('/') != std::string::npos || !ends_well(vendor)
        || !ends_well(device_class))
        return usage_error(
            "--vendor and --class: " + quote(kind)
                + " is not of the form VENDOR/CLASS, each a letter and then letters, "
                  "digits, '_', '-' and '.'",
            tool);
    return kind;
}

Status check_names(const std::vector<std::string>& words, std::string_view subject,
                   std::span<const std::string_view> known) {
    for (const auto& word : words)
        if (std::ranges::find(known, word) == known.end())
            return unknown_word(subject, word, known, tool);
    return {};
}

Status take_features(const Given& given, Generation& out) {
    constexpr std::string_view no_gids = "no-additional-gids-for-device-nodes";
    constexpr std::string_view no_ipc = "disable-ipc-discoverer";
    constexpr std::array known{no_gids,
                               no_ipc,
                               std::string_view("enable-explicit-driver-libraries"),
                               std::string_view("disable-nvsandboxutils"),
                               std::string_view("disable-nvsandbox-utils"),
                               std::string_view("enable-coherent-annotations"),
                               std::string_view("disable-multiple-csv-devices")};
    const auto flags = split_values(given.feature_flags);
    GRAPNEL_TRY(check_names(flags, "feature flag", known));
    out.additional_gids = std::ranges::find(flags, no_gids) == flags.end();
    out.ipc = std::ranges::find(flags, no_ipc) == flags.end();
    return {};
}

/// 'all' disables each hook, but for the hooks that --enable-hook names.
Result<std::vector<std::string>> disabled_hooks(const Given& given) {
    static const std::vector<std::string_view> hooks{"create-symlinks",
                                                     "enable-cuda-compat",
                                                     "update-ldcache",
                                                     "disable-device-node-modification",
                                                     "chmod",
                                                     "create-soname-symlinks",
                                                     "update-application-profile"};
    const auto enabled = split_values(given.enabled_hooks);
    auto disabled = split_values(given.disabled_hooks);
    GRAPNEL_TRY(check_names(enabled, "hook", hooks));
    if (std::erase(disabled, "all") != 0)
        disabled.insert(disabled.end(), hooks.begin(), hooks.end());
    GRAPNEL_TRY(check_names(disabled, "hook", hooks));
    std::erase_if(disabled, [&](const auto& hook) {
        return std::ranges::find(enabled, hook) != enabled.end();
    });
    return disabled;
}

Result<StaticCdiOptions> static_options(const Given& given, std::string kind) {
    StaticCdiOptions spec{.hook = installed_hook(), .kind = std::move(kind)};
    spec.disabled_hooks = GRAPNEL_TRY(disabled_hooks(given));
    if (given.cdi_hook_path && given.cdi_hook_path->find('/') != std::string::npos)
        spec.hook = GRAPNEL_TRY(path_of(*given.cdi_hook_path, "--nvidia-cdi-hook-path"));
    if (spec.hook.name() == "nvidia-ctk")
        spec.hook_names = {"nvidia-ctk", "hook"};
    if (given.ldconfig_path)
        spec.ldconfig = GRAPNEL_TRY(path_of(*given.ldconfig_path, "--ldconfig-path")).text();
    return spec;
}

/// Refuses an option that the hook of a live file does not receive.
Status check_live(const Given& given) {
    const std::array<std::pair<bool, std::string_view>, 14> of_static{{
        {given.is_static, "--static"},
        {given.driver_root.has_value(), "--driver-root"},
        {given.device_root.has_value(), "--dev-root"},
        {given.cdi_hook_path.has_value(), "--nvidia-cdi-hook-path"},
        {given.ldconfig_path.has_value(), "--ldconfig-path"},
        {given.config.has_value(), "--config"},
        {given.csv_compat_directory.has_value(), "--csv.compat-container-root"},
        {!given.library_search_path.empty(), "--library-search-path"},
        {!given.config_search_path.empty(), "--config-search-path"},
        {!given.disabled_hooks.empty(), "--disable-hook"},
        {!given.enabled_hooks.empty(), "--enable-hook"},
        {!given.csv_lists.empty(), "--csv.file"},
        {!given.csv_ignored.empty(), "--csv.ignore-pattern"},
        {!given.feature_flags.empty(), "--feature-flag"},
    }};
    for (const auto& [is_given, option] : of_static)
        if (is_given)
            return usage_error(std::string(option)
                                   + " is not for a live file, whose hook reads the settings: use "
                                     "--static, or 'grapnel config set'",
                               tool);
    return {};
}

/// Engines read files of two endings alone.
Result<std::optional<HostPath>> output_of(const Given& given, Format format) {
    if (given.output.value_or("").empty())
        return std::optional<HostPath>();
    auto path = GRAPNEL_TRY(path_of(*given.output, "--output"));
    const auto name = path.name();
    const bool has_ending = name.ends_with(".json") || name.ends_with(".yaml");
    if (has_ending || path.text().starts_with("/dev/"))
        return std::optional(std::move(path));
    return std::optional(
        GRAPNEL_TRY(HostPath::make(path.text() + (format == Format::yaml ? ".yaml" : ".json"))));
}

/// By the option, else by the file's ending, else as the form has it.
Result<Format> format_of(const Given& given, Form form) {
    if (given.format)
        return value_named<Format>({{"json", Format::json}, {"yaml", Format::yaml}}, "format",
                                   *given.format);
    const auto name = given.output.value_or("");
    if (name.ends_with(".json"))
        return Format::json;
    const bool is_yaml = name.ends_with(".yaml") || form == Form::in_nvidias_form;
    return is_yaml ? Format::yaml : Format::json;
}

Result<std::vector<CdiNaming>> naming_of(const Given& given) {
    static const Names<CdiNaming> strategies{{"index", CdiNaming::index},
                                             {"uuid", CdiNaming::uuid},
                                             {"type-index", CdiNaming::type_index}};
    std::vector<CdiNaming> naming;
    for (const auto& name : split_values(given.naming))
        naming.push_back(GRAPNEL_TRY(value_named(strategies, "strategy", name)));
    return naming.empty() ? Generation().naming : naming;
}

Status take_static(const Given& given, const std::string& kind, Generation& out) {
    out.in_nvidias_form = GRAPNEL_TRY(static_options(given, kind));
    GRAPNEL_TRY(take_features(given, out));
    if (given.driver_root)
        out.driver_root = GRAPNEL_TRY(path_of(*given.driver_root, "--driver-root"));
    if (given.device_root)
        out.device_root = GRAPNEL_TRY(path_of(*given.device_root, "--dev-root"));
    if (given.config)
        out.settings_file = GRAPNEL_TRY(path_of(*given.config, "--config"));
    if (given.csv_compat_directory)
        out.csv_compat_directory = GRAPNEL_TRY(
            InsidePath::make(*given.csv_compat_directory).note("--csv.compat-container-root"));
    out.csv_lists = GRAPNEL_TRY(paths_of(split_values(given.csv_lists), "--csv.file"));
    out.csv_ignored = split_values(given.csv_ignored);
    out.by_csv_lists = given.mode && equal_ignoring_case(*given.mode, "csv");
    out.library_search_path =
        GRAPNEL_TRY(paths_of(split_values(given.library_search_path), "--library-search-path"));
    out.config_search_path =
        GRAPNEL_TRY(paths_of(split_values(given.config_search_path), "--config-search-path"));
    return {};
}

} // namespace

Result<Generation> generation_of(const Given& given, Form form, std::vector<std::string> words) {
    if (given.live || given.is_static)
        form = given.live ? Form::live : Form::in_nvidias_form;
    if (form == Form::live)
        GRAPNEL_TRY(check_live(given));
    else if (given.hook_path)
        return usage_error("--hook-path is for a live file: use --nvidia-cdi-hook-path", tool);
    Generation out{.naming = GRAPNEL_TRY(naming_of(given)),
                   .device_ids = split_values(given.device_ids),
                   .no_all_device = given.no_all_device};
    out.format = GRAPNEL_TRY(format_of(given, form));
    out.output = GRAPNEL_TRY(output_of(given, out.format));
    if (given.mode)
        out.devices = GRAPNEL_TRY(value_named(modes(), "mode", *given.mode));
    const auto kind = GRAPNEL_TRY(kind_of(given, out.devices));
    words.insert(words.begin(), form == Form::live ? "--live" : "--static");
    const auto written_by = write_json(nlohmann::json(words),
                                       {.is_ascii = true, .not_utf8 = JsonForm::NotUtf8::replaced});
    out.live = {
        .hook = installed_hook(), .devices = out.devices, .kind = kind, .written_by = written_by};
    if (given.hook_path)
        out.live.hook = GRAPNEL_TRY(path_of(*given.hook_path, "--hook-path"));
    if (form == Form::in_nvidias_form) {
        GRAPNEL_TRY(take_static(given, kind, out));
        out.in_nvidias_form->written_by = written_by;
    }
    return out;
}

} // namespace grapnel::cdi_command
