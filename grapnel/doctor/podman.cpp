// SPDX-License-Identifier: Apache-2.0
// podman: its hook files (oci-hooks(5)), and the directories in which it looks for them.
#include "base/text.hpp"
#include "doctor/areas.hpp"
#include "doctor/engines.hpp"
#include "doctor/hook_files.hpp"
#include "doctor/rootless.hpp"
#include "doctor/shell.hpp"

#include <algorithm>

namespace grapnel::doctor_command {

namespace {

/// containers.conf(5), as far as it matters here.
struct PodmanConf {
    std::optional<std::vector<std::string>> hooks_dir = {};
    std::optional<std::vector<std::string>> cdi_dirs = {}; ///< nothing: the usual ones
    std::string cgroup_manager = {};
    HostPath manager_file = {}; ///< that names it
    std::optional<Error> mistake = {};
};

/// By {append = true} podman adds the directories of this list to the lists of earlier files.
bool appends(const toml::array& list) {
    return std::ranges::any_of(list, [](const toml::node& entry) {
        const auto* const table = entry.as_table();
        const auto* const flag = table == nullptr ? nullptr : table->get_as<bool>("append");
        return flag != nullptr && flag->get();
    });
}

void read_list(const toml::table& table, std::string_view key,
               std::optional<std::vector<std::string>>& out) {
    const auto* const list = table.get_as<toml::array>(key);
    if (list == nullptr)
        return;
    if (!out || !appends(*list))
        out.emplace();
    for (const auto& directory : *list)
        if (const auto* const name = directory.as_string())
            out->push_back(name->get());
}

void read_conf(const sys::HostFs& host, const HostPath& path, PodmanConf& out) {
    const auto table = read_toml(host, path, out.mistake);
    if (!table)
        return;
    const auto* const engine = engine_config::table_at(*table, {"engine"});
    if (engine == nullptr)
        return;
    for (const auto* const key : {"hooks_dir", "cdi_spec_dirs"})
        if (engine->contains(key) && !engine->get_as<toml::array>(key))
            out.mistake = Error{.what = path.text() + ": the value of " + key + " is no list"};
    read_list(*engine, "hooks_dir", out.hooks_dir);
    read_list(*engine, "cdi_spec_dirs", out.cdi_dirs);
    if (const auto* const manager = engine->get_as<std::string>("cgroup_manager")) {
        out.cgroup_manager = manager->get();
        out.manager_file = path;
    }
}

void read_directory(const sys::HostFs& host, const HostPath& directory, PodmanConf& out) {
    for (const auto& name : names_in(host, directory))
        if (name.ends_with(".conf"))
            read_conf(host, directory / name, out);
}

/// A later file's key counts. `home` is empty for root.
PodmanConf conf_of(const sys::HostFs& host, const HostPath& home) {
    PodmanConf out;
    read_conf(host, host_path("/usr/share/containers/containers.conf"), out);
    read_conf(host, host_path("/etc/containers/containers.conf"), out);
    read_directory(host, host_path("/etc/containers/containers.conf.d"), out);
    if (home.empty())
        return out;
    const auto own = home / ".config" / "containers";
    read_conf(host, own / "containers.conf", out);
    read_directory(host, own / "containers.conf.d", out);
    return out;
}

bool is_ours(const sys::HostFs& host, const HookFile& hook) {
    return maker_of(host, hook.program) == Maker::grapnel;
}

bool has_ours(const sys::HostFs& host, const HostPath& directory) {
    return std::ranges::any_of(hooks_in(host, directory), [&](const HookFile& hook) {
        return is_ours(host, hook) && hook.idle.empty();
    });
}

/// A file with our hook, which podman runs for no container; nothing without one.
std::optional<HookFile> idle_hook(const sys::HostFs& host) {
    for (const auto& directory : hook_directories())
        for (auto& hook : hooks_in(host, directory))
            if (is_ours(host, hook) && !hook.idle.empty())
                return std::move(hook);
    return std::nullopt;
}

/// `grapnel configure podman` writes Grapnel's own files alone.
std::string remove_command(const HookFile& hook) {
    const auto remove = "rm " + shell_word(hook.path.text());
    return hook.path.name().starts_with("99-grapnel") ? remove + " && grapnel configure podman"
                                                      : remove;
}

std::string_view fault_of_hook(const sys::HostFs& host, const HookFile& hook) {
    const auto program = HostPath::make(hook.program);
    return program && hook.idle.empty() ? fault_of_program(host, *program) : std::string_view();
}

/// Whether a hook of ours works.
bool has_working_hook(const sys::HostFs& host) {
    const auto works = [&](const HookFile& hook) {
        return is_ours(host, hook) && hook.idle.empty() && fault_of_hook(host, hook).empty();
    };
    return std::ranges::any_of(hook_directories(), [&](const HostPath& directory) {
        return std::ranges::any_of(hooks_in(host, directory), works);
    });
}

/// podman passes over a hook whose program is missing.
void check_program(const sys::HostFs& host, const HookFile& hook, std::vector<Finding>& findings) {
    const auto fault = fault_of_hook(host, hook);
    const bool is_passed_over = fault == "is missing";
    const bool is_harmless = maker_of(host, hook.program) == Maker::other || has_working_hook(host);
    if (fault.empty() || (is_passed_over && is_harmless))
        return;
    findings.push_back(
        {.code = Code::GR0902,
         .text = hook.path.text() + ": the hook's program " + std::string(fault) + ": "
                 + hook.program
                 + (is_passed_over ? ", so podman passes over the hook"
                                   : ", so no container of podman starts"),
         .command = is_passed_over
                        ? "rm " + shell_word(hook.path.text()) + " && grapnel configure podman"
                        : mend_program(fault, HostPath::make(hook.program).value_or(HostPath()),
                                       remove_command(hook))});
}

/// Files that keep the containers of podman from starting, or from the hook.
void check_files(const sys::HostFs& host, std::vector<Finding>& findings) {
    for (const auto& directory : hook_directories())
        for (const auto& hook : hooks_in(host, directory))
            if (hook.mistake.empty())
                check_program(host, hook, findings);
            else
                findings.push_back({.code = Code::GR0904,
                                    .text = hook.path.text() + " " + hook.mistake
                                            + ", so podman starts no container",
                                    .command = remove_command(hook)});
}

/// Whether podman reads a CDI file of GPUs.
bool has_cdi_door(const sys::HostFs& host, const PodmanConf& conf) {
    return !find_cdi_file(host, gpu_kind, conf.cdi_dirs).empty();
}

/// The directory of hooks.d that holds our hook; empty if no directory does.
HostPath directory_with_hook(const sys::HostFs& host) {
    for (const auto& directory : hook_directories())
        if (has_ours(host, directory))
            return directory;
    return {};
}

/// Whether podman reads the first of the usual directories alone, for every user, where hooks_dir
/// is not set: from 1.9 on, whatever podman(1) says.
bool has_one_directory(const Facts& facts) {
    const auto version = version_of(facts, "podman");
    return version && *version >= Version{{1, 9}};
}

bool reads(const Facts& facts, const PodmanConf& conf, const HostPath& directory, bool as_root) {
    if (!conf.hooks_dir)
        return has_one_directory(facts) ? directory == hook_directories().front() : as_root;
    return std::ranges::find(*conf.hooks_dir, directory.text()) != conf.hooks_dir->end();
}

/// Hook directories by increasing precedence. Without the key podman(1) names both for root, and
/// podman 1.9 and newer read the first alone.
std::vector<HostPath> directories_of(const PodmanConf& conf) {
    if (!conf.hooks_dir)
        return hook_directories();
    std::vector<HostPath> out;
    for (const auto& name : *conf.hooks_dir)
        if (auto directory = HostPath::make(name))
            out.push_back(std::move(*directory));
    return out;
}

void check_mask(const sys::HostFs& host, const PodmanConf& conf, std::vector<Finding>& findings) {
    const auto hook = masked_hook(host, directories_of(conf));
    if (!hook)
        return;
    findings.push_back({.code = Code::GR0911,
                        .text = hook->mask.path.text() + " masks " + hook->masked.path.text()
                                + (conf.hooks_dir ? "" : ", if podman reads both directories")
                                + ": podman reads the file of the later directory alone, and "
                                  "does not run Grapnel's hook",
                        .command = unmask_command(host, *hook)});
}

/// A string of TOML.
std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text)
        out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "\"";
}

/// The command writes a file in `into`, so that podman reads the hooks in `from` too.
std::string conf_command(const PodmanConf& conf, const HostPath& from, const HostPath& into) {
    std::vector<std::string> usual; // the key replaces it
    if (from != hook_directories().front())
        usual.push_back(hook_directories().front().text());
    std::string list;
    for (const auto& name : conf.hooks_dir.value_or(usual))
        list += toml_text(name) + ", ";
    return "mkdir -p " + shell_word(into.text()) + " && printf '[engine]\\n%s\\n' "
           + shell_word("hooks_dir = [" + list + toml_text(from.text()) + "]") + " > "
           + shell_word((into / "99-grapnel.conf").text());
}

void check_root(const Facts& facts, const HostPath& directory, std::vector<Finding>& findings) {
    const auto& host = facts.host;
    const auto conf = conf_of(host, {});
    if (conf.mistake)
        findings.push_back({.code = Code::GR0905,
                            .text = conf.mistake->text(),
                            .command = "podman info",
                            .needs_root = false});
    const auto idle = directory.empty() ? idle_hook(host) : std::nullopt;
    if (idle)
        findings.push_back(
            {.code = Code::GR0909,
             .text = idle->path.text() + ": " + idle->idle
                     + ", so podman runs the hook for no container",
             .command = "rm " + shell_word(idle->path.text()) + " && grapnel configure podman"});
    else if (findings.empty() && directory.empty()
             && has_podman_storage(host, host_path("/var/lib")) && !has_cdi_door(host, conf))
        findings.push_back(
            {.code = Code::GR0901,
             .text = "no hook of Grapnel is in " + hook_directories().front().text()
                     + ", and no CDI file in "
                     + (conf.cdi_dirs ? "cdi_spec_dirs of containers.conf" : "/etc/cdi"),
             .command = "grapnel configure podman"});
    check_mask(host, conf, findings);
    if (!directory.empty() && !reads(facts, conf, directory, true))
        findings.push_back(
            {.code = Code::GR0903,
             .text = directory.text()
                     + (conf.hooks_dir ? ": hooks_dir of containers.conf lacks that directory"
                                       : ": hooks_dir of containers.conf is not set")
                     + ", so podman does not read it",
             .command =
                 conf_command(conf, directory, host_path("/etc/containers/containers.conf.d"))});
}

/// Root writes into no home: its user can have put links there.
std::string as_owner(const Facts& facts, const HostPath& home, const std::string& command) {
    if (facts.here.user != 0)
        return command;
    return "runuser -u \"$(stat -c %U " + shell_word(home.text()) + ")\" -- sh -c "
           + shell_word(command);
}

void check_user(const Facts& facts, const HostPath& home, const HostPath& directory,
                std::vector<Finding>& findings) {
    const auto conf = conf_of(facts.host, home);
    if (conf.mistake && conf.mistake->text().find(home.text() + "/") != std::string::npos) {
        findings.push_back({.code = Code::GR0905,
                            .text = conf.mistake->text(),
                            .command = as_owner(facts, home, "podman info"),
                            .needs_root = false});
        return;
    }
    if (conf.hooks_dir && conf.hooks_dir != conf_of(facts.host, {}).hooks_dir)
        check_mask(facts.host, conf, findings);
    if (directory.empty() || has_cdi_door(facts.host, conf) || reads(facts, conf, directory, false))
        return;
    const auto own = home / ".config" / "containers" / "containers.conf.d";
    findings.push_back(
        {.code = Code::GR0906,
         .text = home.text() + ": rootless podman of this user does not read " + directory.text(),
         .command = as_owner(facts, home, conf_command(conf, directory, own)),
         .needs_root = false});
}

void check_manager(const Facts& facts, std::vector<Finding>& findings) {
    const auto conf = conf_of(facts.host, {});
    if (conf.cgroup_manager == "systemd" && !has_systemd(facts))
        findings.push_back({.code = Code::GR0501,
                            .text = conf.manager_file.text()
                                    + ": the cgroup manager is systemd, "
                                      "which does not run on this host",
                            .command = "sed -i 's/cgroup_manager.*/cgroup_manager = "
                                       "\"cgroupfs\"/' "
                                       + shell_word(conf.manager_file.text())});
}

} // namespace

Area podman_area(const Facts& facts) {
    Area area{.name = "podman"};
    const auto program = find_program(facts.host, "podman");
    const auto directory = directory_with_hook(facts.host);
    area.is_used = !program.empty();
    area.summary = program.empty()     ? "not installed"
                   : directory.empty() ? "no hook"
                                       : "hook in " + directory.text();
    if (!area.is_used)
        return area;
    check_files(facts.host, area.findings);
    check_root(facts, directory, area.findings);
    for (const auto& home : podman_homes(facts))
        check_user(facts, home, directory, area.findings);
    check_rootless(facts, area.findings);
    check_manager(facts, area.findings);
    if (area.findings.empty() && directory.empty())
        area.is_used = false;
    return area;
}

} // namespace grapnel::doctor_command
