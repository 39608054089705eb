// SPDX-License-Identifier: Apache-2.0
#include "engine_config/crio.hpp"

#include "engine_config/toml.hpp"

namespace grapnel::engine_config {

namespace {

/// As CRI-O merges them.
struct Merged {
    std::string default_runtime = {};
    toml::table runtimes = {};
};

Result<Merged> merged(const std::vector<OtherFile>& files) {
    Merged all;
    for (const auto& file : files) {
        const auto table = GRAPNEL_TRY(parse_settings(file.text, file.path));
        const auto* const section = table_at(table, {"crio", "runtime"});
        if (section == nullptr)
            continue;
        if (const auto* const name = section->get_as<std::string>("default_runtime"))
            all.default_runtime = name->get();
        if (const auto* const runtimes = section->get_as<toml::table>("runtimes"))
            for (const auto& [name, runtime] : *runtimes)
                all.runtimes.insert_or_assign(name, runtime);
    }
    return all;
}

/// Without the keys for the program and its directory of containers.
toml::table new_runtime(const Merged& all, const RuntimeEntry& entry) {
    toml::table runtime;
    for (const auto& name : {all.default_runtime, std::string("crun"), std::string("runc")}) {
        const auto* const base = all.runtimes.get_as<toml::table>(name);
        if (base == nullptr || name == entry.name)
            continue;
        const auto* const type = base->get_as<std::string>("runtime_type");
        if (type != nullptr && !type->get().empty() && type->get() != "oci")
            continue;
        runtime = *base;
        break;
    }
    for (const auto* const key : {"runtime_config_path", "runtime_root"})
        runtime.erase(key);
    runtime.insert_or_assign("runtime_path", entry.path);
    runtime.insert_or_assign("runtime_type", "oci");
    return runtime;
}

Status check_later(const CrioFiles& files, const RuntimeEntry& entry) {
    for (const auto& file : files.later) {
        const auto one = GRAPNEL_TRY(merged({file}));
        if (one.runtimes.contains(entry.name)
            || (entry.set_as_default && !one.default_runtime.empty()
                && one.default_runtime != entry.name))
            return refused(file.path + " is read after " + files.drop_in + " and says otherwise",
                           "take it out, or name a file that is read later with --drop-in; nothing "
                           "was changed");
    }
    return {};
}

} // namespace

Result<Edit> crio_drop_in(const CrioFiles& files, const RuntimeEntry& entry) {
    GRAPNEL_TRY(check_later(files, entry));
    const auto all = GRAPNEL_TRY(merged(files.earlier));
    toml::table document;
    auto& section = make_table_at(document, {"crio", "runtime"});
    if (entry.set_as_default)
        section.insert_or_assign("default_runtime", entry.name);
    make_table_at(section, {"runtimes"}).insert_or_assign(entry.name, new_runtime(all, entry));
    const auto body = GRAPNEL_TRY(write_toml(document).note(files.drop_in));
    auto text = std::string(made_by_grapnel)
                + ". The next run makes this file anew, with --unset it goes.\n\n" + body;
    GRAPNEL_TRY(parse_settings(text, files.drop_in));
    Edit edit{.text = std::move(text)};
    if (entry.cdi)
        edit.notices.warn("CRI-O reads CDI specifications without --cdi");
    return edit;
}

} // namespace grapnel::engine_config
