// SPDX-License-Identifier: Apache-2.0
#include "configure/engines.hpp"

#include "base/text.hpp"
#include "configure/imports.hpp"
#include "engine_config/containerd.hpp"
#include "engine_config/crio.hpp"
#include "engine_config/docker.hpp"
#include "engine_config/podman.hpp"
#include "sys/program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace grapnel::configure_command {

namespace {

using engine_config::Text;

Result<sys::ConfigFile> open(const HostPath& path) {
    auto file = sys::ConfigFile::open(path, file_limit);
    if (!file && file.error().sys == EACCES)
        return std::move(file).cure("run this as root, or as somebody who may read it");
    return file;
}

/// A file that names a program which is not there would keep containers from starting.
Status check_program(const HostPath& path, const char* option) {
    if (!sys::is_program(path))
        return refused("there is no program " + path.text(),
                       std::string("install it, or name another with ") + option);
    return {};
}

Result<Work> docker(const Options& options) {
    auto file = GRAPNEL_TRY(open(options.config));
    const auto& name = options.config.text();
    Work work{.afterwards = "restart Docker: systemctl restart docker"};
    engine_config::Edit edit;
    bool back_up = false;
    if (options.unset) {
        const auto copies = GRAPNEL_TRY(backups_of(file.path()));
        const auto original = GRAPNEL_TRY(engine_config::original_of_docker(copies, options.entry));
        edit = GRAPNEL_TRY(
            engine_config::remove_from_docker(file.text(), original, options.entry, name));
    } else {
        edit = GRAPNEL_TRY(engine_config::add_to_docker(file.text(), options.entry, name));
        // a file that has something of ours is not as the administrator left it
        auto plain = options.entry;
        plain.cdi = false;
        const auto without =
            GRAPNEL_TRY(engine_config::remove_from_docker(file.text(), std::nullopt, plain, name));
        back_up = without.text == file.text() || GRAPNEL_TRY(backups_of(file.path())).empty();
    }
    work.notices = std::move(edit.notices);
    work.changes.push_back({.file = std::move(file),
                            .after = std::move(edit.text),
                            .back_up = back_up,
                            .drop_back_up = options.unset});
    return work;
}

/// The drop-in that is there, which must be ours.
Result<sys::ConfigFile> open_drop_in(const HostPath& path) {
    auto file = GRAPNEL_TRY(open(path));
    if (file.text() && !engine_config::is_made_by_grapnel(*file.text()))
        return refused(path.text() + " was not made by grapnel configure",
                       "move it away, or name another file with --drop-in");
    return file;
}

Result<Work> unset_containerd(const Options& options) {
    auto config = GRAPNEL_TRY(open(options.config));
    auto drop_in = GRAPNEL_TRY(open_drop_in(options.drop_in));
    Text after = config.text();
    if (after)
        after = GRAPNEL_TRY(engine_config::forget_drop_in(
            {.path = options.config.text(), .text = *after}, options.drop_in.text()));
    // a file that was made for the import
    if (after && after != config.text() && trim(*after).empty()
        && GRAPNEL_TRY(backups_of(config.path())).empty())
        after.reset();
    Work work;
    work.changes.push_back(
        {.file = std::move(config), .after = std::move(after), .drop_back_up = true});
    work.changes.push_back({.file = std::move(drop_in)});
    return work;
}

Result<Work> set_containerd(const Options& options) {
    auto config = GRAPNEL_TRY(open(options.config));
    auto drop_in = GRAPNEL_TRY(open_drop_in(options.drop_in));
    engine_config::ContainerdFiles files{.drop_in = options.drop_in.text()};
    files.config = {.path = options.config.text(), .text = config.text().value_or("")};
    const auto before = files.config;
    files.config.text = GRAPNEL_TRY(engine_config::import_drop_in(before, files.drop_in));
    auto imported = GRAPNEL_TRY(imported_files(files.config, options.drop_in));
    files.config.text = GRAPNEL_TRY(engine_config::import_drop_in(before, files.drop_in, imported));
    const auto ours = std::ranges::find(imported, files.drop_in, &engine_config::OtherFile::path);
    files.earlier.assign(imported.begin(), ours);
    if (ours != imported.end())
        files.later.assign(ours + 1, imported.end());
    auto edit = GRAPNEL_TRY(engine_config::containerd_drop_in(files, options.entry));
    Work work{.notices = std::move(edit.notices)};
    // the drop-in can repeat secrets
    work.changes.push_back(
        {.file = std::move(drop_in), .after = std::move(edit.text), .like = config.known()});
    work.changes.push_back(
        {.file = std::move(config), .after = std::move(files.config.text), .back_up = true});
    return work;
}

Result<Work> crio(const Options& options) {
    auto drop_in = GRAPNEL_TRY(open_drop_in(options.drop_in));
    Work work{.afterwards = "restart CRI-O: systemctl restart crio"};
    if (options.unset) {
        work.changes.push_back({.file = std::move(drop_in)});
        return work;
    }
    const auto config = GRAPNEL_TRY(open(options.config));
    engine_config::CrioFiles files{.drop_in = options.drop_in.text()};
    if (config.text())
        files.earlier.push_back({.path = options.config.text(), .text = *config.text()});
    auto others = GRAPNEL_TRY(files_in(options.drop_in.parent(), options.drop_in));
    for (auto& file : others)
        (file.path < files.drop_in ? files.earlier : files.later).push_back(std::move(file));
    auto edit = GRAPNEL_TRY(engine_config::crio_drop_in(files, options.entry));
    work.notices = std::move(edit.notices);
    work.changes.push_back(
        {.file = std::move(drop_in), .after = std::move(edit.text), .like = config.known()});
    return work;
}

/// podman as root and CRI-O read both of these, if nothing else is said.
std::vector<HostPath> hook_directories(const HostPath& chosen) {
    const std::array usual{host_path("/usr/share/containers/oci/hooks.d"),
                           host_path("/etc/containers/oci/hooks.d")};
    if (std::ranges::find(usual, chosen) == usual.end())
        return {chosen};
    return {usual.begin(), usual.end()};
}

Status warn_of_nvidias_hooks(const HostPath& chosen, Notices& notices) {
    for (const auto& directory : hook_directories(chosen)) {
        const auto files = GRAPNEL_TRY(files_in(directory, HostPath()));
        for (const auto& file : files)
            if (file.path.ends_with(".json") && engine_config::runs_nvidias_hook(file.text))
                notices.warn(file.path
                             + " runs NVIDIA's hook: both would work on each container; "
                               "remove that file, or the package that it is from");
    }
    return {};
}

Result<Work> podman(const Options& options) {
    Work work;
    if (!options.unset)
        work.afterwards = "nothing to restart. Rootless users need in their containers.conf(5):\n"
                          "  [engine]\n  hooks_dir = [\""
                          + options.hook_dir.text() + "\"]";
    if (options.entry.cdi)
        work.notices.warn("podman reads CDI specifications without --cdi");
    for (const auto& hook : engine_config::hook_files) {
        const auto path = options.hook_dir / hook.name;
        auto file = GRAPNEL_TRY(open(path));
        if (file.text() && !engine_config::is_hook_file(hook, *file.text()))
            return refused(path.text() + " was not made by grapnel configure", "move it away");
        Text after;
        if (!options.unset)
            after = engine_config::hook_file(hook, options.hook.text());
        work.changes.push_back({.file = std::move(file), .after = std::move(after)});
    }
    // the hook that gives something is never without the one that tidies behind it
    if (options.unset)
        return work;
    std::ranges::reverse(work.changes);
    GRAPNEL_TRY(warn_of_nvidias_hooks(options.hook_dir, work.notices));
    return work;
}

Result<Work> containerd(const Options& options) {
    auto work = GRAPNEL_TRY(options.unset ? unset_containerd(options) : set_containerd(options));
    work.afterwards = "restart containerd: systemctl restart containerd";
    return work;
}

} // namespace

Result<Work> work_for(const Options& options) {
    if (!options.unset) {
        const bool hook = options.engine == Engine::podman;
        const auto program = hook ? options.hook : GRAPNEL_TRY(HostPath::make(options.entry.path));
        GRAPNEL_TRY(check_program(program, hook ? "--hook-path" : "--runtime-path"));
    }
    switch (options.engine) {
    case Engine::docker:
        return docker(options);
    case Engine::containerd:
        return containerd(options);
    case Engine::crio:
        return crio(options);
    case Engine::podman:
        break;
    }
    return podman(options);
}

} // namespace grapnel::configure_command
