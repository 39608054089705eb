// SPDX-License-Identifier: Apache-2.0
#include "doctor/containerd.hpp"

#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "engine_config/containerd.hpp"

#include <algorithm>
#include <utility>

namespace grapnel::doctor_command {

namespace {

/// k3s and RKE2 start containerd with -c.
std::optional<std::string> config_of(const Daemon& daemon) {
    auto named = option_of(daemon, "config");
    return named ? named : short_option_of(daemon, "-c");
}

/// Docker starts a containerd of its own, which kubelet does not use.
const Daemon* containerd_daemon(const Facts& facts) {
    const auto found = std::ranges::find_if(facts.daemons, [](const Daemon& daemon) {
        const auto config = config_of(daemon).value_or("");
        return daemon.name == "containerd" && config.find("docker") == std::string::npos;
    });
    return found == facts.daemons.end() ? nullptr : &*found;
}

/// The plugin of CRI in a file of that version; empty: any name.
std::string_view section_of(std::int64_t version) {
    switch (version) {
    case 1:
        return "cri";
    case 2:
        return "io.containerd.grpc.v1.cri";
    case 3:
        return "io.containerd.cri.v1.runtime";
    default:
        return {};
    }
}

bool is_cri(std::string_view plugin) {
    return plugin == section_of(1) || plugin == section_of(2) || plugin == section_of(3);
}

ContainerdRuntime runtime_at(std::string_view name, const toml::table* table,
                             const std::string& file) {
    ContainerdRuntime out{.name = std::string(name), .file = file};
    const auto* const options =
        table == nullptr ? nullptr : engine_config::table_at(*table, {"options"});
    if (options != nullptr) {
        out.program = string_at(*options, "BinaryName");
        if (const auto* const flag = options->get_as<bool>("SystemdCgroup"))
            out.systemd_cgroup = flag->get();
    }
    if (out.program.empty() && table != nullptr) // before containerd 1.3
        out.program = string_at(*table, "runtime_engine");
    return out;
}

/// Of the CRI plugin's section: the last file's key counts.
void read_cdi(const toml::table& section, const HostPath& file, ContainerdCdi& out) {
    if (const auto* const flag = section.get_as<bool>("enable_cdi")) {
        out.is_enabled = flag->get();
        out.enabling = file;
    }
    if (auto names = strings_at(section, "cdi_spec_dirs")) {
        out.directories = std::move(*names);
        out.listing = file;
    }
}

/// The runtimes of a plugin's section.
void read_runtimes(const toml::table& section, const HostPath& file, bool is_read,
                   Containerd& out) {
    const auto* const containerd = engine_config::table_at(section, {"containerd"});
    if (containerd == nullptr)
        return;
    if (auto name = string_at(*containerd, "default_runtime_name"); is_read && !name.empty())
        out.default_runtime = std::move(name);
    const auto* const runtimes = engine_config::table_at(*containerd, {"runtimes"});
    for (const auto& [name, entry] : runtimes == nullptr ? toml::table() : *runtimes)
        (is_read ? out.runtimes : out.misplaced)
            .push_back(runtime_at(name.str(), entry.as_table(), file.text()));
}

void read_sections(const toml::table& document, const HostPath& file, Containerd& out) {
    const auto* const plugins = engine_config::table_at(document, {"plugins"});
    const auto* const version = document.get_as<std::int64_t>("version");
    const bool is_first = file == out.config;
    if (is_first && version != nullptr)
        out.version = version->get();
    const auto meant = section_of(version != nullptr ? version->get() : is_first ? 1 : 0);
    for (const auto& [plugin, value] : plugins == nullptr ? toml::table() : *plugins) {
        const auto* const section = value.as_table();
        const bool is_read = meant.empty() || plugin.str() == meant;
        if (section == nullptr)
            continue;
        if (is_read)
            read_cdi(*section, file, out.cdi);
        if (is_read && is_cri(plugin.str()))
            out.sections.push_back(file);
        read_runtimes(*section, file, is_read, out);
    }
}

bool disables_cri(const toml::table& document) {
    const auto* const list = document.get_as<toml::array>("disabled_plugins");
    return list != nullptr && std::ranges::any_of(*list, [](const toml::node& entry) {
               const auto* const name = entry.as_string();
               return name != nullptr
                      && (name->get() == "cri" || name->get() == section_of(2)
                          || name->get() == section_of(3));
           });
}

void read_file(const sys::HostFs& host, const HostPath& path, Containerd& out) {
    const auto table = read_toml(host, path, out.mistake);
    if (!table)
        return;
    out.files.push_back(path);
    if (disables_cri(*table))
        out.disabling = path;
    read_sections(*table, path, out);
}

} // namespace

Containerd containerd_of(const Facts& facts) {
    const auto usual = host_path("/etc/containerd/config.toml");
    Containerd out{.daemon = containerd_daemon(facts), .config = usual};
    if (out.daemon != nullptr)
        if (const auto named = config_of(*out.daemon))
            out.config = HostPath::make(*named).value_or(usual);
    const auto text = facts.host.read(out.config);
    read_file(facts.host, out.config, out);
    const auto imports = engine_config::containerd_imports(
        {.path = out.config.text(), .text = text ? *text : std::string()});
    if (!imports)
        return out;
    out.imports = *imports;
    for (const auto& pattern : *imports) {
        const auto path = HostPath::make(pattern);
        if (!path)
            continue;
        for (const auto& name : names_in(facts.host, path->parent()))
            if (const auto file = path->parent() / name;
                engine_config::import_matches(pattern, file.text()))
                read_file(facts.host, file, out);
    }
    return out;
}

bool is_generated(const Containerd& containerd) {
    return containerd.config.text().starts_with("/var/lib/rancher/") || is_of_microk8s(containerd);
}

bool is_of_microk8s(const Containerd& containerd) {
    return containerd.config.text().starts_with("/var/snap/microk8s/");
}

std::string restart_containerd(const Facts& facts, const Containerd& containerd) {
    return is_of_microk8s(containerd) ? "snap restart microk8s.daemon-containerd"
                                      : restart_command(facts, containerd.daemon, "containerd");
}

} // namespace grapnel::doctor_command
