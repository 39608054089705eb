// SPDX-License-Identifier: Apache-2.0
#include "doctor/crio.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/host_commands.hpp"
#include "doctor/kubelet.hpp"
#include "doctor/shell.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

/// crio.conf(5) and its drop-ins, as far as they matter here.
struct Crio {
    const Daemon* daemon = nullptr;   ///< null: it does not run
    bool gives_driver = false;        ///< by a runtime or a hook
    std::vector<HostPath> files = {}; ///< with a runtime that gives the driver
    std::vector<HostPath> hooks = {}; ///< hooks_dir
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

void read_hooks(const toml::table& document, Crio& out) {
    const auto* const runtime = engine_config::table_at(document, {"crio", "runtime"});
    const auto* const list =
        runtime == nullptr ? nullptr : runtime->get_as<toml::array>("hooks_dir");
    if (list == nullptr)
        return;
    out.hooks.clear();
    for (const auto& entry : *list)
        if (const auto* const name = entry.as_string())
            if (auto path = HostPath::make(name->get()))
                out.hooks.push_back(std::move(*path));
}

void read_runtimes(const Facts& facts, const HostPath& path, const toml::table& document, Crio& out,
                   std::vector<Finding>& findings) {
    const auto* const runtimes = engine_config::table_at(document, {"crio", "runtime", "runtimes"});
    for (const auto& [key, entry] : runtimes == nullptr ? toml::table() : *runtimes) {
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

bool has_hook(const sys::HostFs& host, const HostPath& directory) {
    return std::ranges::any_of(names_in(host, directory), [&](const std::string& name) {
        const auto text = text_of(host, directory / name);
        return text.find("grapnel-hook") != std::string::npos
               || text.find("nvidia-container-") != std::string::npos;
    });
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
    Crio crio{.daemon = find_daemon(facts, "crio"),
              .hooks = {host_path("/usr/share/containers/oci/hooks.d")}};
    const auto before = findings.size();
    for (const auto& path : files_of(facts, crio.daemon)) {
        std::optional<Error> mistake;
        const auto table = read_toml(facts.host, path, mistake);
        if (mistake)
            findings.push_back({.code = Code::GR1012,
                                .text = mistake->text(),
                                .command = "crio --config " + shell_word(path.text()) + " config",
                                .needs_root = false});
        if (!table)
            continue;
        read_hooks(*table, crio);
        read_runtimes(facts, path, *table, crio, findings);
    }
    for (const auto& directory : crio.hooks)
        crio.gives_driver = crio.gives_driver || has_hook(facts.host, directory);
    check_start(facts, crio, findings);
    if (findings.size() == before && !crio.gives_driver && crio.daemon != nullptr
        && kubelet_uses_crio(facts))
        findings.push_back({.code = Code::GR1013,
                            .text = "kubelet runs with CRI-O, and neither a runtime nor a hook of "
                                    "CRI-O gives containers the driver",
                            .command = configure_crio(facts, crio)});
}

} // namespace grapnel::doctor_command
