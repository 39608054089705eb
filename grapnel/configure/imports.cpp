// SPDX-License-Identifier: Apache-2.0
#include "configure/imports.hpp"

#include "configure/changes.hpp"
#include "engine_config/containerd.hpp"
#include "sys/file.hpp"
#include "sys/host_fs.hpp"

#include <algorithm>
#include <deque>
#include <set>

namespace grapnel::configure_command {

namespace {

constexpr std::size_t most_files = 1000;

Result<std::vector<std::string>> names_in(const HostPath& directory) {
    const auto opened = sys::open_host_directory(directory);
    if (!opened && sys::is_missing(opened.error()))
        return std::vector<std::string>();
    if (!opened)
        return opened.error();
    return sys::directory_names(opened->ref(), directory.text());
}

Result<engine_config::OtherFile> read(const std::string& name) {
    const auto path = GRAPNEL_TRY(HostPath::make(name));
    auto text = GRAPNEL_TRY(sys::read_host_file(path, file_limit));
    return engine_config::OtherFile{.path = name, .text = std::move(text)};
}

/// Patterns in the last component alone; a directory that is one itself is not searched.
Result<std::vector<std::string>> matches(const std::string& pattern, const HostPath& drop_in) {
    if (pattern.find_first_of("*?[") == pattern.npos)
        return std::vector<std::string>{pattern};
    const auto directory = GRAPNEL_TRY(HostPath::make(pattern)).parent();
    std::set<std::string> found;
    const auto names = GRAPNEL_TRY(names_in(directory));
    for (const auto& name : names)
        if (const auto path = (directory / name).text();
            engine_config::import_matches(pattern, path))
            found.insert(path);
    if (engine_config::import_matches(pattern, drop_in.text()))
        found.insert(drop_in.text());
    return std::vector<std::string>(found.begin(), found.end());
}

} // namespace

Result<std::vector<engine_config::OtherFile>> imported_files(const engine_config::OtherFile& config,
                                                             const HostPath& drop_in) {
    std::vector<engine_config::OtherFile> files;
    std::set<std::string> seen{config.path};
    std::deque<engine_config::OtherFile> pending{config};
    while (!pending.empty()) {
        const auto patterns = GRAPNEL_TRY(engine_config::containerd_imports(pending.front()));
        pending.pop_front();
        for (const auto& pattern : patterns) {
            const auto paths = GRAPNEL_TRY(matches(pattern, drop_in));
            for (const auto& path : paths) {
                if (!seen.insert(path).second)
                    continue;
                if (seen.size() > most_files)
                    return refused(config.path + " imports more than 1,000 files");
                auto file = GRAPNEL_TRY(
                    path == drop_in.text()
                        ? Result<engine_config::OtherFile>(engine_config::OtherFile{.path = path})
                        : read(path).note(config.path + ": imports"));
                files.push_back(file);
                pending.push_back(std::move(file));
            }
        }
    }
    return files;
}

Result<std::vector<engine_config::OtherFile>> files_in(const HostPath& directory,
                                                       const HostPath& except) {
    std::vector<engine_config::OtherFile> files;
    const auto names = GRAPNEL_TRY(names_in(directory));
    for (const auto& name : names) {
        const auto path = directory / name;
        const auto found = sys::host_facts(path);
        if (path == except || !found || found->type != sys::FileFacts::Type::regular)
            continue;
        auto text = GRAPNEL_TRY(sys::read_host_file(path, file_limit));
        files.push_back({.path = path.text(), .text = std::move(text)});
    }
    return files;
}

} // namespace grapnel::configure_command
