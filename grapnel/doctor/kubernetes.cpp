// SPDX-License-Identifier: Apache-2.0
// containerd, by which kubelet starts containers.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/containerd.hpp"
#include "doctor/crio.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/kubelet.hpp"
#include "doctor/shell.hpp"
#include "engine_config/containerd.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

/// The last file's entry counts.
const ContainerdRuntime* runtime_of(const Containerd& containerd, std::string_view name) {
    const auto found =
        std::find_if(containerd.runtimes.rbegin(), containerd.runtimes.rend(),
                     [&](const ContainerdRuntime& runtime) { return runtime.name == name; });
    return found == containerd.runtimes.rend() ? nullptr : &*found;
}

bool gives_driver(const sys::HostFs& host, const ContainerdRuntime& runtime) {
    return maker_of(host, runtime.program) != Maker::other;
}

bool has_runtime(const sys::HostFs& host, const Containerd& containerd) {
    return std::ranges::any_of(containerd.runtimes, [&](const ContainerdRuntime& runtime) {
        return gives_driver(host, runtime);
    });
}

/// The template that a person made for k3s or RKE2; empty without one.
HostPath template_of(const sys::HostFs& host, const Containerd& containerd) {
    for (const auto* const name : {"config-v3.toml.tmpl", "config.toml.tmpl"})
        if (auto path = containerd.config.parent() / name; exists(host, path))
            return path;
    return {};
}

/// Whether the template replaces k3s' own, which enters the runtime.
bool replaces_base(const sys::HostFs& host, const HostPath& path) {
    return !path.empty() && text_of(host, path).find("template \"base\"") == std::string::npos;
}

/// k3s and RKE2 enter each nvidia-container-runtime that they find in their PATH at a start.
std::string configure_generated(const Facts& facts, const Containerd& containerd, Code code) {
    if (is_of_microk8s(containerd)) // a drop-in would hold the template's ${...} unresolved
        return page_command(code);
    auto restart = restart_containerd(facts, containerd);
    if (const auto own = template_of(facts.host, containerd); replaces_base(facts.host, own))
        return R"(sed -i '1i {{ template "base" . }}' )" + shell_word(own.text()) + " && "
               + restart;
    if (!find_program(facts.host, "nvidia-container-runtime").empty())
        return restart;
    const auto install = install_command(facts.host, own_packages("grapnel-nvidia-compat"), code);
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
                                const ContainerdRuntime& runtime) {
    if (is_generated(containerd) && !is_of_microk8s(containerd))
        return page_command(Code::GR1007);
    const auto file = is_of_microk8s(containerd) ? std::string(microk8s_template) : runtime.file;
    const auto restart = restart_containerd(facts, containerd);
    if (runtime.systemd_cgroup)
        return R"(sed -i 's/SystemdCgroup\s*=\s*false/SystemdCgroup = true/' )" + shell_word(file)
               + " && " + restart;
    return R"(sed -i '/runtimes\."\?)" + runtime.name + R"("\?\.options\]/a SystemdCgroup = true' )"
           + shell_word(file) + " && " + restart;
}

void check_managers(const Facts& facts, const Containerd& containerd,
                    std::vector<Finding>& findings) {
    const auto* const runc = runtime_of(containerd, "runc");
    const bool kubelet_has_systemd = kubelet_uses_systemd(facts);
    for (const auto& runtime : containerd.runtimes) {
        if (!gives_driver(facts.host, runtime) || &runtime != runtime_of(containerd, runtime.name))
            continue;
        const bool systemd = runtime.systemd_cgroup.value_or(false);
        if (runc != nullptr && runc->systemd_cgroup.value_or(false) != systemd)
            findings.push_back({.code = Code::GR1004,
                                .text = runtime.file + ": SystemdCgroup of the runtime "
                                        + quote(runtime.name) + " is not that of runc",
                                .command = configure(facts, containerd, Code::GR1004)});
        else if (kubelet_has_systemd && !systemd)
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
    const auto found =
        std::ranges::find_if(containerd.misplaced, [&](const ContainerdRuntime& runtime) {
            return gives_driver(facts.host, runtime);
        });
    if (found != containerd.misplaced.end())
        findings.push_back({.code = Code::GR1009,
                            .text = found->file + ": the runtime " + quote(found->name)
                                    + " is in a section that a file of this version does not have",
                            .command = configure(facts, containerd, Code::GR1009)});
}

/// Whether the CRI plugin reads CDI files: from containerd 2.0 on by default, before 1.7 never.
/// Nothing: unknown.
std::optional<bool> reads_cdi(const Facts& facts, const Containerd& containerd) {
    if (containerd.cdi.is_enabled || containerd.version > 2)
        return containerd.cdi.is_enabled.value_or(true);
    const auto version = is_generated(containerd) ? std::nullopt : version_of(facts, "containerd");
    return version && *version >= Version{{1, 7}} ? std::optional(*version >= Version{{2}})
                                                  : std::nullopt;
}

/// Whether pods get GPUs of that kind by CDI.
bool has_cdi_door(const Facts& facts, const Containerd& containerd, std::string_view kind) {
    return !find_cdi_file(facts.host, kind, containerd.cdi.directories).empty()
           && reads_cdi(facts, containerd).value_or(false);
}

/// The command changes a line of the file, or of the template that it is made from.
std::string edit_command(const Facts& facts, const Containerd& containerd, const HostPath& file,
                         const std::string& script, Code code) {
    auto editable = file;
    if (is_of_microk8s(containerd))
        editable = host_path(microk8s_template);
    else if (is_generated(containerd))
        editable = template_of(facts.host, containerd);
    return editable.empty() ? page_command(code)
                            : "sed -i " + shell_word(script) + " " + shell_word(editable.text())
                                  + " && " + restart_containerd(facts, containerd);
}

/// A CDI file of that kind that the CRI plugin passes over.
void check_cdi(const Facts& facts, const Containerd& containerd, std::string_view kind,
               std::vector<Finding>& findings) {
    const auto file = find_cdi_file(facts.host, kind);
    const auto is_read = file.empty() ? std::nullopt : reads_cdi(facts, containerd);
    if (!is_read || has_cdi_door(facts, containerd, kind))
        return;
    const auto& cdi = containerd.cdi;
    if (!*is_read)
        findings.push_back(
            {.code = Code::GR1016,
             .text = (cdi.is_enabled ? cdi.enabling.text() + ": enable_cdi is false"
                                     : containerd.config.text()
                                           + ": enable_cdi is missing, and is false before "
                                             "containerd 2.0")
                     + ", so pods get no GPU of " + file.text(),
             .command =
                 is_generated(containerd)
                     ? edit_command(facts, containerd, cdi.enabling,
                                    R"(s/enable_cdi\s*=\s*false/enable_cdi = true/)", Code::GR1016)
                     : configure(facts, containerd, Code::GR1016, " --cdi")});
    else
        findings.push_back({.code = Code::GR1017,
                            .text = cdi.listing.text() + ": cdi_spec_dirs lacks the directory of "
                                    + file.text() + ", so pods get no GPU of it",
                            .command = edit_command(
                                facts, containerd, cdi.listing,
                                add_to_list_script("cdi_spec_dirs", file.parent()), Code::GR1017)});
}

/// A setting of the CRI plugin that an earlier file has and the last file with its section lacks;
/// empty if no setting is lost that GPUs need.
std::string lost_setting(const Facts& facts, const Containerd& containerd, const Version& version) {
    const auto last = containerd.sections.back().text();
    const auto is_kept = [&](const ContainerdRuntime& lost) {
        return std::ranges::any_of(containerd.runtimes, [&](const ContainerdRuntime& runtime) {
            return runtime.name == lost.name && runtime.file == last;
        });
    };
    for (const auto& runtime : containerd.runtimes)
        if (gives_driver(facts.host, runtime) && !is_kept(runtime))
            return "the runtime " + quote(runtime.name) + " of " + runtime.file;
    const auto& cdi = containerd.cdi;
    const bool is_lost = cdi.is_enabled.value_or(false) && cdi.enabling.text() != last;
    return is_lost && version >= Version{{1, 7}}
                   && (!find_cdi_file(facts.host, gpu_kind).empty()
                       || !find_cdi_file(facts.host, claim_kind).empty())
               ? "enable_cdi of " + cdi.enabling.text()
               : std::string();
}

/// Of two files that say something about a plugin, containerd before 2.0 reads the last alone.
void check_replaced(const Facts& facts, const Containerd& containerd,
                    std::vector<Finding>& findings) {
    if (containerd.sections.size() < 2 || containerd.daemon == nullptr || is_generated(containerd))
        return;
    const auto version = version_of(facts, "containerd");
    const auto lost = version && *version < Version{{2}} ? lost_setting(facts, containerd, *version)
                                                         : std::string();
    if (lost.empty())
        return;
    const auto& last = containerd.sections.back();
    const bool is_made_last = last.name() <= "99-grapnel.toml";
    findings.push_back(
        {.code = Code::GR1022,
         .text = last.text() + ": containerd " + version_text(*version)
                 + " reads the CRI plugin's settings of this file alone, without " + lost,
         .command = is_made_last
                        ? configure(facts, containerd, Code::GR1022,
                                    containerd.cdi.is_enabled.value_or(false) ? " --cdi" : "")
                        : page_command(Code::GR1022)});
}

/// CDI is the door of pods where no runtime gives the driver.
void check_doors(const Facts& facts, const Containerd& containerd, bool has_runtime,
                 std::vector<Finding>& findings) {
    if (!findings.empty() || containerd.daemon == nullptr || !kubelet_uses_containerd(facts))
        return;
    check_cdi(facts, containerd, claim_kind, findings);
    if (has_runtime || !findings.empty() || brings_driver_itself(facts.host))
        return;
    check_cdi(facts, containerd, gpu_kind, findings);
    if (findings.empty() && !has_cdi_door(facts, containerd, claim_kind)
        && !has_cdi_door(facts, containerd, gpu_kind))
        findings.push_back({.code = Code::GR1006,
                            .text = containerd.config.text()
                                    + ": kubelet runs, and no runtime "
                                      "gives containers the driver",
                            .command = configure(facts, containerd, Code::GR1006)});
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
    check_replaced(facts, containerd, findings);
    check_plugin(facts, containerd, findings);
    check_default(facts, containerd, findings);
    check_programs(facts, containerd, findings);
    check_managers(facts, containerd, findings);
    const bool gives = has_runtime(facts.host, containerd);
    if (gives
        || (containerd.cdi.is_enabled.value_or(false) && has_cdi_door(facts, containerd, gpu_kind)))
        check_restart(facts, containerd, findings);
    if (!gives)
        check_sections(facts, containerd, findings);
    check_doors(facts, containerd, gives, findings);
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
