// SPDX-License-Identifier: Apache-2.0
// containerd, by which kubelet starts containers.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/crio.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/kubelet.hpp"
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
    std::vector<Runtime> misplaced = {}; ///< in a section that this version of the file has not
    std::string default_runtime = {};
    HostPath disabling = {}; ///< the file that disables the CRI plugin
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

Runtime runtime_at(std::string_view name, const toml::table* table, const std::string& file) {
    Runtime out{.name = std::string(name), .file = file};
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

void read_runtimes(const toml::table& document, const HostPath& file, Containerd& out) {
    const auto* const plugins = engine_config::table_at(document, {"plugins"});
    if (plugins == nullptr)
        return;
    const auto* const version = document.get_as<std::int64_t>("version");
    const bool is_first = file == out.config;
    const auto meant = section_of(version != nullptr ? version->get() : is_first ? 1 : 0);
    for (const auto& [plugin, value] : *plugins) {
        const auto* const section = value.as_table();
        const auto* const containerd =
            section == nullptr ? nullptr : engine_config::table_at(*section, {"containerd"});
        if (containerd == nullptr)
            continue;
        const bool is_read = meant.empty() || plugin.str() == meant;
        if (auto name = string_at(*containerd, "default_runtime_name"); is_read && !name.empty())
            out.default_runtime = std::move(name);
        const auto* const runtimes = engine_config::table_at(*containerd, {"runtimes"});
        for (const auto& [name, entry] : runtimes == nullptr ? toml::table() : *runtimes)
            (is_read ? out.runtimes : out.misplaced)
                .push_back(runtime_at(name.str(), entry.as_table(), file.text()));
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
    read_runtimes(*table, path, out);
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

bool has_runtime(const sys::HostFs& host, const Containerd& containerd) {
    return std::ranges::any_of(containerd.runtimes,
                               [&](const Runtime& runtime) { return gives_driver(host, runtime); });
}

/// k3s, RKE2 and microk8s write the file again at each start.
bool is_generated(const Containerd& containerd) {
    const auto& path = containerd.config.text();
    return path.starts_with("/var/lib/rancher/") || path.starts_with("/var/snap/microk8s/");
}

std::string restart_containerd(const Facts& facts, const Containerd& containerd) {
    return restart_command(facts, containerd.daemon, "containerd");
}

bool is_of_microk8s(const Containerd& containerd) {
    return containerd.config.text().starts_with("/var/snap/microk8s/");
}

constexpr std::string_view microk8s_template =
    "/var/snap/microk8s/current/args/containerd-template.toml";
constexpr std::string_view restart_microk8s = "snap restart microk8s.daemon-containerd";

/// A template in the place of k3s' own, which enters no runtime; empty without one.
HostPath own_template(const sys::HostFs& host, const Containerd& containerd) {
    for (const auto* const name : {"config-v3.toml.tmpl", "config.toml.tmpl"}) {
        auto path = containerd.config.parent() / name;
        if (exists(host, path)
            && text_of(host, path).find("template \"base\"") == std::string::npos)
            return path;
    }
    return {};
}

/// k3s and RKE2 enter each nvidia-container-runtime that they find in their PATH at a start.
std::string configure_generated(const Facts& facts, const Containerd& containerd, Code code) {
    if (is_of_microk8s(containerd)) // a drop-in would hold the template's ${...} unresolved
        return page_command(code);
    auto restart = restart_containerd(facts, containerd);
    if (const auto own = own_template(facts.host, containerd); !own.empty())
        return R"(sed -i '1i {{ template "base" . }}' )" + shell_word(own.text()) + " && "
               + restart;
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

std::string configure(const Facts& facts, const Containerd& containerd, Code code,
                      const std::string& option = {}) {
    if (is_generated(containerd))
        return configure_generated(facts, containerd, code);
    return "grapnel configure containerd" + options_of_configure(containerd) + option + " && "
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
        const auto program = HostPath::make(runtime.program).value_or(HostPath());
        if (auto finding =
                unusable_runtime(facts.host, Code::GR1003, {runtime.file, runtime.name, program},
                                 configure(facts, containerd, Code::GR1003)))
            findings.push_back(std::move(*finding));
    }
}

/// Without the key there is no line to change: it is copied from the options of runc.
std::string use_systemd_command(const Facts& facts, const Containerd& containerd,
                                const Runtime& runtime) {
    if (is_generated(containerd) && !is_of_microk8s(containerd))
        return page_command(Code::GR1007);
    const auto file = is_of_microk8s(containerd) ? std::string(microk8s_template) : runtime.file;
    const auto restart = is_of_microk8s(containerd) ? std::string(restart_microk8s)
                                                    : restart_containerd(facts, containerd);
    if (runtime.systemd_cgroup)
        return R"(sed -i 's/SystemdCgroup\s*=\s*false/SystemdCgroup = true/' )" + shell_word(file)
               + " && " + restart;
    return R"(sed -i '/runtimes\."\?)" + runtime.name + R"("\?\.options\]/a SystemdCgroup = true' )"
           + shell_word(file) + " && " + restart;
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

/// GKE's device plugin mounts the driver itself.
bool brings_driver_itself(const sys::HostFs& host) {
    return exists(host, host_path("/home/kubernetes/bin/nvidia"));
}

/// As containerd's package of Docker is installed: without it kubelet starts nothing.
void check_plugin(const Facts& facts, const Containerd& containerd,
                  std::vector<Finding>& findings) {
    const bool gives = has_runtime(facts.host, containerd);
    if (containerd.disabling.empty() || !(gives || kubelet_uses_containerd(facts)))
        return;
    findings.push_back(
        {.code = Code::GR1010,
         .text = containerd.disabling.text()
                 + ": disabled_plugins has the CRI plugin, by which kubelet starts containers",
         .command = R"x(sed -i '/^\s*disabled_plugins/s/"\(io\.containerd\.[a-z]*\.v1\.\)\?)x"
                    R"x(\(cri\|runtime\)",\?//' )x"
                    + shell_word(containerd.disabling.text()) + " && "
                    + restart_containerd(facts, containerd)});
}

void check_default(const Facts& facts, const Containerd& containerd,
                   std::vector<Finding>& findings) {
    const auto& name = containerd.default_runtime;
    if (name.empty() || name == "runc" || runtime_of(containerd, name) != nullptr)
        return;
    findings.push_back(
        {.code = Code::GR1011,
         .text = containerd.config.text() + ": the default runtime " + quote(name)
                 + " is not among the runtimes, so the CRI plugin does not start",
         .command = configure(facts, containerd, Code::GR1011, " --set-as-default")});
}

/// containerd reads the section of the file's version alone.
void check_sections(const Facts& facts, const Containerd& containerd,
                    std::vector<Finding>& findings) {
    const auto found = std::ranges::find_if(containerd.misplaced, [&](const Runtime& runtime) {
        return gives_driver(facts.host, runtime);
    });
    if (found != containerd.misplaced.end())
        findings.push_back({.code = Code::GR1009,
                            .text = found->file + ": the runtime " + quote(found->name)
                                    + " is in a section that a file of this version does not have",
                            .command = configure(facts, containerd, Code::GR1009)});
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
    check_plugin(facts, containerd, findings);
    check_default(facts, containerd, findings);
    check_programs(facts, containerd, findings);
    check_managers(facts, containerd, findings);
    const bool gives = has_runtime(facts.host, containerd);
    if (gives)
        check_restart(facts, containerd, findings);
    else
        check_sections(facts, containerd, findings);
    if (findings.empty() && !gives && containerd.daemon != nullptr && kubelet_uses_containerd(facts)
        && !brings_driver_itself(facts.host))
        findings.push_back({.code = Code::GR1006,
                            .text = containerd.config.text()
                                    + ": kubelet runs, and no runtime "
                                      "gives containers the driver",
                            .command = configure(facts, containerd, Code::GR1006)});
}

} // namespace

Area kubernetes_area(const Facts& facts) {
    Area area{.name = "kubernetes"};
    const auto containerd = containerd_of(facts);
    check_containerd(facts, containerd, area.findings);
    check_services(facts, area.findings);
    check_crio(facts, area.findings);
    const bool has_crio = find_daemon(facts, "crio") != nullptr;
    const bool gives = has_runtime(facts.host, containerd);
    area.is_used = has_crio || gives || has_kubelet(facts);
    area.summary = has_crio ? "CRI-O" : area.is_used ? "containerd" : "not used";
    return area;
}

} // namespace grapnel::doctor_command
