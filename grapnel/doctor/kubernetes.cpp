// SPDX-License-Identifier: Apache-2.0
// containerd and CRI-O, by which kubelet starts containers.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/shell.hpp"
#include "engine_config/containerd.hpp"

#include <algorithm>
#include <array>

namespace grapnel::doctor_command {

namespace {

struct Runtime {
    std::string name = {};
    std::string program = {};
    std::optional<bool> systemd_cgroup = {};
    std::string file = {}; ///< that says so
};

/// The settings of containerd with the files that they import, as far as they matter here.
struct Containerd {
    const Daemon* daemon = nullptr; ///< null: it does not run
    HostPath config = {};
    std::optional<Error> mistake = {};
    std::vector<HostPath> files = {}; ///< config.toml and its imports
    std::vector<std::string> imports = {};
    std::vector<Runtime> runtimes = {};
};

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

std::string string_at(const toml::table& table, std::string_view key) {
    const auto* const value = table.get_as<std::string>(key);
    return value == nullptr ? "" : value->get();
}

void read_runtimes(const toml::table& document, const std::string& file,
                   std::vector<Runtime>& out) {
    const auto* const plugins = engine_config::table_at(document, {"plugins"});
    if (plugins == nullptr)
        return;
    for (const auto& [plugin, value] : *plugins) {
        const auto* const section = value.as_table();
        const auto* const runtimes =
            section == nullptr ? nullptr
                               : engine_config::table_at(*section, {"containerd", "runtimes"});
        if (runtimes == nullptr)
            continue;
        for (const auto& [name, entry] : *runtimes) {
            const auto* const table = entry.as_table();
            const auto* const options =
                table == nullptr ? nullptr : engine_config::table_at(*table, {"options"});
            Runtime runtime{.name = std::string(name.str()), .file = file};
            if (options != nullptr) {
                runtime.program = string_at(*options, "BinaryName");
                if (const auto* const flag = options->get_as<bool>("SystemdCgroup"))
                    runtime.systemd_cgroup = flag->get();
            }
            out.push_back(std::move(runtime));
        }
    }
}

void read_file(const sys::HostFs& host, const HostPath& path, Containerd& out) {
    const auto table = read_toml(host, path, out.mistake);
    if (!table)
        return;
    out.files.push_back(path);
    read_runtimes(*table, path.text(), out.runtimes);
}

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

/// The last file's entry counts.
const Runtime* runtime_of(const Containerd& containerd, std::string_view name) {
    const auto found = std::find_if(containerd.runtimes.rbegin(), containerd.runtimes.rend(),
                                    [&](const Runtime& runtime) { return runtime.name == name; });
    return found == containerd.runtimes.rend() ? nullptr : &*found;
}

bool gives_driver(const sys::HostFs& host, const Runtime& runtime) {
    return maker_of(host, runtime.program) != Maker::other;
}

/// k3s, RKE2 and microk8s write the file again at each start.
bool is_generated(const Containerd& containerd) {
    const auto& path = containerd.config.text();
    return path.starts_with("/var/lib/rancher/") || path.starts_with("/var/snap/microk8s/");
}

std::string restart_containerd(const Facts& facts, const Containerd& containerd) {
    return restart_command(facts, containerd.daemon, "containerd");
}

/// k3s and RKE2 enter each nvidia-container-runtime that they find in their PATH at a start.
std::string configure_generated(const Facts& facts, const Containerd& containerd, Code code) {
    if (containerd.config.text().starts_with("/var/snap/"))
        return page_command(code);
    auto restart = restart_containerd(facts, containerd);
    if (!find_program(facts.host, "nvidia-container-runtime").empty())
        return restart;
    const auto install = install_command(facts.host, packages("grapnel-nvidia-compat"), code);
    return install == page_command(code) ? install : install + " && " + restart;
}

/// k0s imports a directory of its own.
std::string options_of_configure(const Containerd& containerd) {
    if (containerd.config == host_path("/etc/containerd/config.toml"))
        return {};
    std::string out = " --config " + shell_word(containerd.config.text());
    for (const auto& pattern : containerd.imports)
        if (const auto path = HostPath::make(pattern); path && path->name() == "*.toml")
            return out + " --drop-in " + shell_word((path->parent() / "99-grapnel.toml").text());
    return out;
}

std::string configure(const Facts& facts, const Containerd& containerd, Code code) {
    if (is_generated(containerd))
        return configure_generated(facts, containerd, code);
    return "grapnel configure containerd" + options_of_configure(containerd) + " && "
           + restart_containerd(facts, containerd);
}

void check_import(const Facts& facts, const Containerd& containerd,
                  std::vector<Finding>& findings) {
    const auto& host = facts.host;
    const auto drop_in = host_path("/etc/containerd/conf.d/99-grapnel.toml");
    const bool is_imported =
        std::ranges::any_of(containerd.imports, [&](const std::string& pattern) {
            return engine_config::import_matches(pattern, drop_in.text());
        });
    if (exists(host, drop_in) && exists(host, containerd.config) && !is_imported
        && !is_generated(containerd))
        findings.push_back(
            {.code = Code::GR1002,
             .text = drop_in.text() + ": " + containerd.config.text() + " does not import it",
             .command = configure(facts, containerd, Code::GR1002)});
}

void check_programs(const Facts& facts, const Containerd& containerd,
                    std::vector<Finding>& findings) {
    for (const auto& runtime : containerd.runtimes) {
        const auto program = HostPath::make(runtime.program);
        if (program && !exists(facts.host, *program))
            findings.push_back({.code = Code::GR1003,
                                .text = runtime.file + ": the program of the runtime "
                                        + quote(runtime.name) + " is missing: " + program->text(),
                                .command = configure(facts, containerd, Code::GR1003)});
    }
}

/// Without the key there is no line to change: it is copied from the options of runc.
std::string use_systemd_command(const Facts& facts, const Containerd& containerd,
                                const Runtime& runtime) {
    if (is_generated(containerd))
        return page_command(Code::GR1007);
    const auto restart = restart_containerd(facts, containerd);
    if (runtime.systemd_cgroup)
        return R"(sed -i 's/SystemdCgroup\s*=\s*false/SystemdCgroup = true/' )"
               + shell_word(runtime.file) + " && " + restart;
    return R"(sed -i '/runtimes\."\?)" + runtime.name + R"("\?\.options\]/a SystemdCgroup = true' )"
           + shell_word(runtime.file) + " && " + restart;
}

void check_managers(const Facts& facts, const Containerd& containerd,
                    std::vector<Finding>& findings) {
    const auto* const runc = runtime_of(containerd, "runc");
    const auto kubelet = text_of(facts.host, host_path("/var/lib/kubelet/config.yaml"));
    for (const auto& runtime : containerd.runtimes) {
        if (!gives_driver(facts.host, runtime) || &runtime != runtime_of(containerd, runtime.name))
            continue;
        const bool systemd = runtime.systemd_cgroup.value_or(false);
        if (runc != nullptr && runc->systemd_cgroup.value_or(false) != systemd)
            findings.push_back({.code = Code::GR1004,
                                .text = runtime.file + ": SystemdCgroup of the runtime "
                                        + quote(runtime.name) + " is not that of runc",
                                .command = configure(facts, containerd, Code::GR1004)});
        else if (kubelet.find("cgroupDriver: systemd") != std::string::npos && !systemd)
            findings.push_back({.code = Code::GR1007,
                                .text = runtime.file
                                        + ": kubelet's cgroup manager is systemd, and "
                                          "the runtime "
                                        + quote(runtime.name) + " uses cgroupfs",
                                .command = use_systemd_command(facts, containerd, runtime)});
    }
}

/// containerd reads its files when it starts.
void check_restart(const Facts& facts, const Containerd& containerd,
                   std::vector<Finding>& findings) {
    if (containerd.daemon == nullptr || containerd.daemon->started_ns == 0)
        return;
    for (const auto& path : containerd.files) {
        const auto file = facts.host.stat(path);
        if (!file || file->modified_ns <= containerd.daemon->started_ns)
            continue;
        findings.push_back({.code = Code::GR1005,
                            .text = path.text() + " was changed after containerd started",
                            .command = restart_containerd(facts, containerd)});
        return;
    }
}

bool has_kubelet(const Facts& facts) {
    constexpr std::array<std::string_view, 4> names{"kubelet", "k3s-server", "k3s-agent",
                                                    "kubelite"};
    return std::ranges::any_of(
        names, [&](std::string_view name) { return find_daemon(facts, name) != nullptr; });
}

/// GKE's device plugin mounts the driver itself.
bool brings_driver_itself(const sys::HostFs& host) {
    return exists(host, host_path("/home/kubernetes/bin/nvidia"));
}

void check_containerd(const Facts& facts, const Containerd& containerd,
                      std::vector<Finding>& findings) {
    if (containerd.mistake) {
        findings.push_back({.code = Code::GR1001,
                            .text = containerd.mistake->text(),
                            .command = "containerd --config " + shell_word(containerd.config.text())
                                       + " config dump",
                            .needs_root = false});
        return;
    }
    check_import(facts, containerd, findings);
    check_programs(facts, containerd, findings);
    check_managers(facts, containerd, findings);
    const bool gives = std::ranges::any_of(containerd.runtimes, [&](const Runtime& runtime) {
        return gives_driver(facts.host, runtime);
    });
    if (gives)
        check_restart(facts, containerd, findings);
    if (findings.empty() && !gives && containerd.daemon != nullptr && has_kubelet(facts)
        && !brings_driver_itself(facts.host))
        findings.push_back({.code = Code::GR1006,
                            .text = containerd.config.text()
                                    + ": kubelet runs, and no runtime "
                                      "gives containers the driver",
                            .command = configure(facts, containerd, Code::GR1006)});
}

/// crio.conf(5) and its drop-ins.
std::vector<HostPath> crio_files(const sys::HostFs& host) {
    const auto directory = host_path("/etc/crio/crio.conf.d");
    std::vector<HostPath> out{host_path("/etc/crio/crio.conf")};
    for (const auto& name : names_in(host, directory))
        out.push_back(directory / name);
    return out;
}

void check_crio(const Facts& facts, std::vector<Finding>& findings) {
    for (const auto& path : crio_files(facts.host)) {
        const auto table = engine_config::parse_settings(text_of(facts.host, path), path.text());
        const auto* const runtimes =
            table ? engine_config::table_at(*table, {"crio", "runtime", "runtimes"}) : nullptr;
        if (runtimes == nullptr)
            continue;
        for (const auto& [key, entry] : *runtimes) {
            const auto* const runtime = entry.as_table();
            const auto program =
                HostPath::make(runtime == nullptr ? "" : string_at(*runtime, "runtime_path"));
            const bool is_of_driver =
                key.str() == "nvidia"
                || (program && maker_of(facts.host, program->text()) != Maker::other);
            if (program && is_of_driver && !exists(facts.host, *program))
                findings.push_back(
                    {.code = Code::GR1008,
                     .text = path.text() + ": the program of the runtime " + quote(key.str())
                             + " is missing: " + program->text(),
                     .command = "grapnel configure crio && "
                                + restart_command(facts, find_daemon(facts, "crio"), "crio")});
        }
    }
}

} // namespace

Area kubernetes_area(const Facts& facts) {
    Area area{.name = "kubernetes"};
    const auto containerd = containerd_of(facts);
    check_containerd(facts, containerd, area.findings);
    check_crio(facts, area.findings);
    const bool has_crio = find_daemon(facts, "crio") != nullptr;
    const bool gives = std::ranges::any_of(containerd.runtimes, [&](const Runtime& runtime) {
        return gives_driver(facts.host, runtime);
    });
    area.is_used = has_crio || gives || has_kubelet(facts);
    area.summary = has_crio ? "CRI-O" : area.is_used ? "containerd" : "not used";
    return area;
}

} // namespace grapnel::doctor_command
