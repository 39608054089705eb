// SPDX-License-Identifier: Apache-2.0
#include "engine_config/containerd.hpp"

#include "base/format.hpp"
#include "base/notices.hpp"
#include "base/path.hpp"
#include "engine_config/toml.hpp"
#include "engine_config/toml_imports.hpp"

#include <algorithm>
#include <fnmatch.h>

namespace grapnel::engine_config {

namespace {

constexpr std::string_view runc_type = "io.containerd.runc.v2";
/// The default imports of containerd 2.2 and newer.
constexpr auto default_imports = "/etc/containerd/conf.d/*.toml";
constexpr std::int64_t oldest_useful_version = 2; ///< which every containerd since 1.3 reads

struct Parsed {
    std::string path = {};
    toml::table table = {};
};

/// Whether plugins have names of version 1: without a version, such a file is of version 1.
bool is_of_version_1(const toml::table& table) {
    return table.contains("plugins") || table.contains("disabled_plugins")
           || table.contains("required_plugins");
}

/// Of a file that says nothing that depends on it: the oldest that is of use.
Result<std::int64_t> version_of(const Parsed& file) {
    const auto* const node = file.table.get("version");
    if (node == nullptr)
        return is_of_version_1(file.table) ? 1 : oldest_useful_version;
    const auto version = node->value_exact<std::int64_t>();
    if (!version || *version < 1 || *version > 4)
        return refused(file.path + ": this version of the configuration is not known",
                       "1 to 4 are; nothing was changed");
    return *version;
}

/// From version 3 to 4 only the server's own settings have moved.
std::string_view plugin_of(std::int64_t version) {
    switch (version) {
    case 1:
        return "cri";
    case 2:
        return "io.containerd.grpc.v1.cri";
    default:
        return "io.containerd.cri.v1.runtime";
    }
}

Result<Parsed> parse(const OtherFile& file) {
    auto table = GRAPNEL_TRY(parse_settings(file.text, file.path));
    return Parsed{.path = file.path, .table = std::move(table)};
}

Result<std::int64_t> newest_version(const std::vector<OtherFile>& files) {
    auto newest = oldest_useful_version;
    for (const auto& file : files) {
        const auto parsed = GRAPNEL_TRY(parse(file));
        newest = std::max(newest, GRAPNEL_TRY(version_of(parsed)));
    }
    return newest;
}

/// The plugin's sections of the files up to the drop-in, in order.
class Sections {
  public:
    static Result<Sections> of(const ContainerdFiles& files) {
        const auto main = GRAPNEL_TRY(parse(files.config));
        Sections sections(GRAPNEL_TRY(version_of(main)));
        if (sections.version_ == 1)
            sections.notices_.warn(
                main.path
                + " is of version 1: containerd 2 passes over the runtimes of such "
                  "files; before an update to it, write the file in version 2");
        GRAPNEL_TRY(sections.add(main));
        for (const auto& file : files.earlier) {
            const auto parsed = GRAPNEL_TRY(parse(file));
            GRAPNEL_TRY(sections.add(parsed));
        }
        return sections;
    }

    [[nodiscard]] std::int64_t version() const { return version_; }
    [[nodiscard]] Notices notices() const { return notices_; }

    /// The last file's: see the header.
    [[nodiscard]] const Parsed* last() const { return found_.empty() ? nullptr : &found_.back(); }

    /// As they are merged: the runtime of that name.
    [[nodiscard]] const toml::table* runtime(std::string_view name) const {
        for (auto file = found_.rbegin(); file != found_.rend(); ++file)
            if (const auto* const table = table_at(file->table, {"containerd", "runtimes", name}))
                return table;
        return nullptr;
    }

    [[nodiscard]] std::string default_runtime() const {
        for (auto file = found_.rbegin(); file != found_.rend(); ++file)
            if (const auto* const table = table_at(file->table, {"containerd"}))
                if (const auto* const name = table->get_as<std::string>("default_runtime_name"))
                    return name->get();
        return "runc";
    }

  private:
    explicit Sections(std::int64_t version) : version_(version) {}

    Status add(const Parsed& file) {
        const auto version = GRAPNEL_TRY(version_of(file));
        const auto* const section = table_at(file.table, {"plugins", plugin_of(version)});
        if (section != nullptr && plugin_of(version) != plugin_of(version_))
            notices_.warn(format_text("{} is of version {}, not {}: before containerd 2.1 "
                                      "what it says about {} has no effect any more",
                                      file.path, version, version_, plugin_of(version)));
        else if (section != nullptr)
            found_.push_back({.path = file.path, .table = *section});
        if (const auto* const disabled = file.table.get_as<toml::array>("disabled_plugins"))
            for (const auto& plugin : *disabled)
                if (plugin.value<std::string_view>() == plugin_of(version))
                    notices_.warn(file.path + " disables the plugin "
                                  + std::string(plugin_of(version))
                                  + ": until it does not, Kubernetes finds no runtime");
        return {};
    }

    std::int64_t version_;
    std::vector<Parsed> found_ = {}; ///< the plugin's table alone
    Notices notices_ = {};
};

bool is_runc(const toml::table& runtime) {
    const auto* const type = runtime.get_as<std::string>("runtime_type");
    return type == nullptr || type->get().empty() || type->get().starts_with("io.containerd.runc.");
}

/// With the options of the runtime that containers have otherwise.
toml::table new_runtime(const Sections& sections, const RuntimeEntry& entry) {
    toml::table runtime;
    for (const auto& name : {sections.default_runtime(), std::string("runc"), std::string("crun")})
        if (const auto* const base = sections.runtime(name);
            base != nullptr && name != entry.name && is_runc(*base)) {
            runtime = *base;
            break;
        }
    const auto* const type = runtime.get_as<std::string>("runtime_type");
    if (type == nullptr || type->get().empty())
        runtime.insert_or_assign("runtime_type", runc_type);
    runtime.erase("runtime_engine"); // a program too, of the shim before runc.v1
    make_table_at(runtime, {"options"}).insert_or_assign("BinaryName", entry.path);
    return runtime;
}

/// The default runtimes are runc alone, and runc is the default runtime. Naming another takes it
/// away before 2.1, and the plugin does not start without its default.
bool lacks_runc(const toml::table& section) {
    const auto* const runtimes = table_at(section, {"containerd", "runtimes"});
    if (runtimes == nullptr)
        return true;
    const auto* const name = table_at(section, {"containerd"})->get("default_runtime_name");
    return !runtimes->contains("runc") && (name == nullptr || name->value<std::string>() == "runc");
}

toml::table new_section(const Sections& sections, const RuntimeEntry& entry) {
    toml::table section;
    if (const auto* const last = sections.last())
        section = last->table;
    if (lacks_runc(section)) {
        const auto* const runc = sections.runtime("runc");
        auto& made = make_table_at(section, {"containerd", "runtimes", "runc"});
        if (runc != nullptr)
            made = *runc;
        else
            made.insert_or_assign("runtime_type", runc_type);
    }
    make_table_at(section, {"containerd", "runtimes"})
        .insert_or_assign(entry.name, new_runtime(sections, entry));
    if (entry.set_as_default) {
        auto& containerd = make_table_at(section, {"containerd"});
        containerd.insert_or_assign("default_runtime_name", entry.name);
        containerd.erase("default_runtime"); // the older form, which goes before the name
    }
    if (entry.cdi)
        section.insert_or_assign("enable_cdi", true);
    return section;
}

std::string header(const Sections& sections) {
    const auto plugin = plugin_of(sections.version());
    auto text = std::string(made_by_grapnel)
                + ". The next run makes this file anew, with --unset it goes.\n";
    if (const auto* const last = sections.last())
        text += format_text("#\n# The settings of \"{}\" are a copy of those in\n# {}, because "
                            "containerd before 2.1\n# reads a plugin's from the last file that "
                            "has some. After a change there, run it again.\n",
                            plugin, last->path);
    return text;
}

Status check_later(const std::vector<OtherFile>& files, const std::string& drop_in) {
    for (const auto& file : files) {
        const auto parsed = GRAPNEL_TRY(parse(file));
        const auto version = GRAPNEL_TRY(version_of(parsed));
        if (table_at(parsed.table, {"plugins", plugin_of(version)}) != nullptr)
            return refused(file.path + " is read after " + drop_in + " and sets the same plugin",
                           "take it out, or name a file that is read later with --drop-in; nothing "
                           "was changed");
    }
    return {};
}

} // namespace

Result<std::vector<std::string>> containerd_imports(const OtherFile& file) {
    const auto table = GRAPNEL_TRY(parse_settings(file.text, file.path));
    const auto* const array = table.get_as<toml::array>("imports");
    std::vector<std::string> imports;
    if (array == nullptr)
        return imports;
    const auto directory = file.path.substr(0, file.path.rfind('/') + 1);
    for (const auto& element : *array)
        if (const auto* const text = element.as_string(); text != nullptr && !text->get().empty())
            imports.push_back(GRAPNEL_TRY(
                lexically_normal(text->get().front() == '/' ? text->get() : directory + text->get())
                    .note(file.path + ": imports")));
    return imports;
}

bool import_matches(const std::string& pattern, const std::string& path) {
    return pattern == path || fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
}

Result<std::string> import_drop_in(const OtherFile& config, const std::string& drop_in,
                                   const std::vector<OtherFile>& others) {
    const auto patterns = GRAPNEL_TRY(containerd_imports(config));
    if (std::ranges::any_of(patterns,
                            [&](const auto& one) { return import_matches(one, drop_in); }))
        return config.text;
    const auto before = GRAPNEL_TRY(parse(config));
    const bool whole_directory = before.table.empty() && import_matches(default_imports, drop_in);
    const auto version = GRAPNEL_TRY(newest_version(others));
    auto text = GRAPNEL_TRY(
        add_import(config.text, whole_directory ? default_imports : drop_in, config.path, version));
    GRAPNEL_TRY(parse_settings(text, config.path));
    return text;
}

Result<std::string> forget_drop_in(const OtherFile& config, const std::string& drop_in) {
    auto text = GRAPNEL_TRY(remove_import(config.text, drop_in, config.path));
    if (!import_matches(default_imports, drop_in))
        return text;
    return remove_made_import(text, default_imports, config.path);
}

Result<Edit> containerd_drop_in(const ContainerdFiles& files, const RuntimeEntry& entry) {
    GRAPNEL_TRY(check_later(files.later, files.drop_in));
    const auto sections = GRAPNEL_TRY(Sections::of(files));
    toml::table document;
    make_table_at(document, {"plugins"})
        .insert_or_assign(plugin_of(sections.version()), new_section(sections, entry));
    const auto body = GRAPNEL_TRY(write_toml(document).note(
        sections.last() != nullptr ? sections.last()->path : files.drop_in));
    // the version stands before every table
    auto text = format_text("{}\nversion = {}\n\n{}", header(sections), sections.version(), body);
    GRAPNEL_TRY(parse_settings(text, files.drop_in));
    return Edit{.text = std::move(text), .notices = sections.notices()};
}

} // namespace grapnel::engine_config
