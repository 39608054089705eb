// SPDX-License-Identifier: Apache-2.0
#include "doctor/crio.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/hook_files.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/kubelet.hpp"
#include "doctor/shell.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace grapnel::doctor_command {

namespace {

/// A list of directories, and the file that has it; empty: no file.
struct Directories {
    DirectoryNames names = {};
    HostPath file = {};
};

/// crio.conf(5) and its drop-ins, as far as they matter here.
struct Crio {
    const Daemon* daemon = nullptr;      ///< null: it does not run
    bool gives_driver = false;           ///< by a runtime or a hook
    std::vector<HostPath> files = {};    ///< with a runtime that gives the driver
    std::vector<std::string> names = {}; ///< of all runtimes
    std::string default_runtime = {};
    HostPath default_file = {}; ///< that names it; empty: an option
    Directories hooks = {};     ///< hooks_dir
    Directories cdi = {};       ///< cdi_spec_dirs
};

std::vector<HostPath> files_of(const Facts& facts, const Daemon* daemon) {
    const auto named = [&](const char* option, const char* usual) {
        const auto text = daemon == nullptr ? std::nullopt : option_of(*daemon, option);
        return HostPath::make(text.value_or(usual)).value_or(host_path(usual));
    };
    const auto directory = named("config-dir", "/etc/crio/crio.conf.d");
    std::vector<HostPath> out{named("config", "/etc/crio/crio.conf")};
    for (const auto& name : names_in(facts.host, directory))
        out.push_back(directory / name);
    return out;
}

std::string configure_crio(const Facts& facts, const Crio& crio) {
    return "grapnel configure crio && " + restart_command(facts, crio.daemon, "crio");
}

/// A later file's list counts, and an option of the daemon before every file.
void read_directories(const toml::table& document, const HostPath& path, Crio& out) {
    const auto* const runtime = engine_config::table_at(document, {"crio", "runtime"});
    if (runtime == nullptr)
        return;
    if (auto name = string_at(*runtime, "default_runtime"); !name.empty()) {
        out.default_runtime = std::move(name);
        out.default_file = path;
    }
    if (auto names = strings_at(*runtime, "hooks_dir"))
        out.hooks = {.names = std::move(names), .file = path};
    if (auto names = strings_at(*runtime, "cdi_spec_dirs"))
        out.cdi = {.names = std::move(names), .file = path};
}

void read_options(const Daemon& daemon, Crio& out) {
    const auto read = [&](std::string_view option, Directories& directories) {
        std::vector<std::string> names;
        for (const auto& value : options_of(daemon, option))
            for (const auto name : split(value, ','))
                names.emplace_back(name);
        if (!names.empty())
            directories = {.names = std::move(names)};
    };
    if (auto name = option_of(daemon, "default-runtime")) {
        out.default_runtime = std::move(*name);
        out.default_file = {};
    }
    read("hooks-dir", out.hooks);
    read("cdi-spec-dirs", out.cdi);
}

void read_runtimes(const Facts& facts, const HostPath& path, const toml::table& document, Crio& out,
                   std::vector<Finding>& findings) {
    const auto* const runtimes = engine_config::table_at(document, {"crio", "runtime", "runtimes"});
    for (const auto& [key, entry] : runtimes == nullptr ? toml::table() : *runtimes) {
        out.names.emplace_back(key.str());
        const auto* const runtime = entry.as_table();
        const auto program =
            HostPath::make(runtime == nullptr ? "" : string_at(*runtime, "runtime_path"));
        const bool is_of_driver =
            key.str() == "nvidia"
            || (program && maker_of(facts.host, program->text()) != Maker::other);
        if (!program || !is_of_driver)
            continue;
        out.gives_driver = true;
        out.files.push_back(path);
        if (auto finding = unusable_runtime(facts.host, Code::GR1008,
                                            {path.text(), std::string(key.str()), *program},
                                            configure_crio(facts, out)))
            findings.push_back(std::move(*finding));
    }
}

/// The command adds the directory to the list.
std::string add_command(const Facts& facts, const Crio& crio, const Directories& list,
                        std::string_view key, const HostPath& directory, Code code) {
    return list.file.empty() ? page_command(code)
                             : "sed -i " + shell_word(add_to_list_script(key, directory)) + " "
                                   + shell_word(list.file.text()) + " && "
                                   + restart_command(facts, crio.daemon, "crio");
}

bool has_hook(const sys::HostFs& host, const HostPath& directory) {
    return std::ranges::any_of(names_in(host, directory), [&](const std::string& name) {
        const auto text = text_of(host, directory / name);
        return text.find("grapnel-hook") != std::string::npos
               || text.find("nvidia-container-") != std::string::npos;
    });
}

/// Hook directories by increasing precedence (crio.conf(5)).
std::vector<HostPath> hook_directories_of(const Crio& crio) {
    if (!crio.hooks.names)
        return {hook_directories().front()};
    std::vector<HostPath> out;
    for (const auto& name : *crio.hooks.names)
        if (auto directory = HostPath::make(name))
            out.push_back(std::move(*directory));
    return out;
}

bool reads_a_hook(const sys::HostFs& host, const Crio& crio) {
    return std::ranges::any_of(hook_directories_of(crio), [&](const HostPath& directory) {
        return has_hook(host, directory);
    });
}

void check_hooks(const Facts& facts, const Crio& crio, std::vector<Finding>& findings) {
    const auto& directories = hook_directories();
    const auto unread = std::ranges::find_if(
        directories, [&](const HostPath& path) { return has_hook(facts.host, path); });
    if (!crio.hooks.names || unread == directories.end())
        return;
    findings.push_back(
        {.code = Code::GR1018,
         .text = (crio.hooks.file.empty() ? "the option --hooks-dir of CRI-O"
                                          : crio.hooks.file.text() + ": hooks_dir")
                 + " lacks " + unread->text() + ", which has the hook",
         .command = add_command(facts, crio, crio.hooks, "hooks_dir", *unread, Code::GR1018)});
}

/// A hook file that CRI-O reads in the place of ours, where no runtime gives the driver.
void check_mask(const Facts& facts, const Crio& crio, std::vector<Finding>& findings) {
    const auto hook = masked_hook(facts.host, hook_directories_of(crio));
    if (hook)
        findings.push_back({.code = Code::GR1021,
                            .text = hook->mask.path.text() + " masks " + hook->masked.path.text()
                                    + ": CRI-O reads the file of the later directory alone, and "
                                      "does not run Grapnel's hook",
                            .command = unmask_command(facts.host, *hook) + " && "
                                       + restart_command(facts, crio.daemon, "crio")});
}

/// A CDI file of that kind that CRI-O passes over.
void check_cdi(const Facts& facts, const Crio& crio, std::string_view kind,
               std::vector<Finding>& findings) {
    const auto file = find_cdi_file(facts.host, kind);
    if (file.empty() || !find_cdi_file(facts.host, kind, crio.cdi.names).empty())
        return;
    findings.push_back(
        {.code = Code::GR1019,
         .text = (crio.cdi.file.empty() ? "the option --cdi-spec-dirs of CRI-O"
                                        : crio.cdi.file.text() + ": cdi_spec_dirs")
                 + " lacks the directory of " + file.text() + ", so pods get no GPU of it",
         .command =
             add_command(facts, crio, crio.cdi, "cdi_spec_dirs", file.parent(), Code::GR1019)});
}

/// CRI-O itself knows runc or crun.
void check_default(const Facts& facts, const Crio& crio, std::vector<Finding>& findings) {
    const auto& name = crio.default_runtime;
    if (name.empty() || name == "runc" || name == "crun"
        || std::ranges::find(crio.names, name) != crio.names.end())
        return;
    findings.push_back({.code = Code::GR1020,
                        .text = (crio.default_file.empty() ? "the option --default-runtime of CRI-O"
                                                           : crio.default_file.text())
                                + ": the default runtime " + quote(name)
                                + " is not among the runtimes, so CRI-O does not start",
                        .command = crio.default_file.empty()
                                       ? page_command(Code::GR1020)
                                       : "grapnel configure crio --set-as-default && "
                                             + restart_command(facts, crio.daemon, "crio")});
}

/// By a runtime, a hook or CDI.
void check_doors(const Facts& facts, const Crio& crio, std::vector<Finding>& findings) {
    if (!findings.empty() || crio.daemon == nullptr || !kubelet_uses_crio(facts))
        return;
    check_cdi(facts, crio, claim_kind, findings);
    if (crio.files.empty())
        check_mask(facts, crio, findings);
    if (crio.gives_driver || !findings.empty())
        return;
    check_hooks(facts, crio, findings);
    if (findings.empty())
        check_cdi(facts, crio, gpu_kind, findings);
    if (findings.empty() && find_cdi_file(facts.host, gpu_kind, crio.cdi.names).empty()
        && find_cdi_file(facts.host, claim_kind, crio.cdi.names).empty())
        findings.push_back({.code = Code::GR1013,
                            .text = "kubelet runs with CRI-O, and neither a runtime, a hook nor a "
                                    "CDI file gives containers the driver",
                            .command = configure_crio(facts, crio)});
}

/// CRI-O reads its files when it starts.
void check_start(const Facts& facts, const Crio& crio, std::vector<Finding>& findings) {
    for (const auto& path : crio.files) {
        const auto file = facts.host.stat(path);
        if (!file || crio.daemon == nullptr || crio.daemon->started_ns == 0
            || file->modified_ns <= crio.daemon->started_ns)
            continue;
        findings.push_back({.code = Code::GR1014,
                            .text = path.text() + " was changed after CRI-O started",
                            .command = restart_command(facts, crio.daemon, "crio")});
        return;
    }
}

} // namespace

void check_crio(const Facts& facts, std::vector<Finding>& findings) {
    Crio crio{.daemon = find_daemon(facts, "crio")};
    std::vector<Finding> found;
    for (const auto& path : files_of(facts, crio.daemon)) {
        std::optional<Error> mistake;
        const auto table = read_toml(facts.host, path, mistake);
        if (mistake)
            found.push_back({.code = Code::GR1012,
                             .text = mistake->text(),
                             .command = "crio --config " + shell_word(path.text()) + " config",
                             .needs_root = false});
        if (!table)
            continue;
        read_directories(*table, path, crio);
        read_runtimes(facts, path, *table, crio, found);
    }
    if (crio.daemon != nullptr)
        read_options(*crio.daemon, crio);
    crio.gives_driver = crio.gives_driver || reads_a_hook(facts.host, crio);
    check_default(facts, crio, found);
    check_start(facts, crio, found);
    check_doors(facts, crio, found);
    findings.insert(findings.end(), found.begin(), found.end());
}

} // namespace grapnel::doctor_command
