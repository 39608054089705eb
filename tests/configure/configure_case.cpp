// SPDX-License-Identifier: Apache-2.0
// Runs one case: an engine's files in, the changed ones or the refusal out, which must be those of
// the golden files. What holds for every case is checked too: a second run changes nothing, and
// --unset gives back what was there, byte by byte. README.md describes the files.
//
//   configure_case CASE-DIRECTORY
#include "base/format.hpp"
#include "base/text.hpp"
#include "engine_config/containerd.hpp"
#include "engine_config/crio.hpp"
#include "engine_config/docker.hpp"
#include "support/golden.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

namespace {

using namespace grapnel;
using namespace grapnel::engine_config;
namespace fs = std::filesystem;

/// Golden files by name. A golden file that is not in the map must be missing.
using Outcome = std::map<std::string, std::string>;

const std::set<std::string>& golden_names() {
    static const std::set<std::string> names{"after.json", "config.after.toml", "drop-in.toml",
                                             "error.txt", "remarks.txt"};
    return names;
}

Result<RuntimeEntry> read_options(const fs::path& directory) {
    RuntimeEntry entry{.path = "/usr/bin/nvidia-container-runtime"};
    const auto text = test::file_text(directory / "options").value_or("");
    for (const auto word : split(trim(text), ' ')) {
        if (word == "--set-as-default")
            entry.set_as_default = true;
        else if (word == "--cdi")
            entry.cdi = true;
        else if (!word.empty())
            return refused("unknown option " + quote(word));
    }
    return entry;
}

void keep(Outcome& outcome, const std::string& name, const Text& text) {
    if (text)
        outcome[name] = *text;
}

void keep_notices(Outcome& outcome, const Notices& notices) {
    for (const auto& notice : notices.list)
        outcome["remarks.txt"] += notice.text + "\n";
}

Status hold(bool holds, const std::string& what, const Text& found) {
    if (holds)
        return {};
    return refused(what + ":\n" + found.value_or("(no file)"));
}

/// Nothing of the runtime, and no object that comes out of it empty.
bool is_restored_without_original(const Text& before) {
    return before && before->find("runtime") == std::string::npos
           && before->find_first_not_of("{} \t\r\n") != std::string::npos
           && before->find("\"cdi\"") == std::string::npos
           && before->find("\"features\": {}") == std::string::npos;
}

Status docker(const fs::path& directory, const RuntimeEntry& entry, Outcome& outcome) {
    const auto before = test::file_text(directory / "before.json");
    const auto edit = add_to_docker(before, entry, "daemon.json");
    if (!edit) {
        outcome["error.txt"] = edit.error().text() + "\n";
        return {};
    }
    keep(outcome, "after.json", edit->text);
    keep_notices(outcome, edit->notices);
    const auto again = GRAPNEL_TRY(add_to_docker(edit->text, entry, "daemon.json"));
    GRAPNEL_TRY(hold(again.text == edit->text, "a second run changes it to", again.text));
    if (edit->text == before)
        return {}; // there is no backup then: it is taken for ours
    const auto unset = GRAPNEL_TRY(remove_from_docker(edit->text, before, entry, "daemon.json"));
    GRAPNEL_TRY(hold(unset.text == before, "--unset makes of it", unset.text));
    const auto twice = GRAPNEL_TRY(remove_from_docker(unset.text, before, entry, "daemon.json"));
    GRAPNEL_TRY(hold(twice.text == before, "a second --unset makes of it", twice.text));
    if (!is_restored_without_original(before))
        return {};
    const auto alone =
        GRAPNEL_TRY(remove_from_docker(edit->text, std::nullopt, entry, "daemon.json"));
    return hold(alone.text == before, "--unset without a backup makes of it", alone.text);
}

std::vector<OtherFile> files(const fs::path& directory, const std::string& begin,
                             const std::string& place) {
    std::vector<OtherFile> found;
    std::set<fs::path> paths;
    for (const auto& file : fs::directory_iterator(directory))
        if (file.path().filename().string().starts_with(begin))
            paths.insert(file.path());
    for (const auto& path : paths)
        found.push_back(
            {.path = place + path.filename().string(), .text = test::file_text(path).value_or("")});
    return found;
}

Status containerd(const fs::path& directory, const RuntimeEntry& entry, Outcome& outcome) {
    const auto before = test::file_text(directory / "config.toml");
    ContainerdFiles input{
        .config = {.path = "/etc/containerd/config.toml", .text = before.value_or("")},
        .drop_in = "/etc/containerd/conf.d/99-grapnel.toml",
        .earlier = files(directory, "earlier", "/etc/containerd/conf.d/"),
        .later = files(directory, "later", "/etc/containerd/conf.d/")};
    auto others = input.earlier;
    others.insert(others.end(), input.later.begin(), input.later.end());
    const auto after = import_drop_in(input.config, input.drop_in, others);
    if (after)
        input.config.text = *after;
    const auto edit = after ? containerd_drop_in(input, entry) : Result<Edit>(Error(after.error()));
    if (!edit) {
        outcome["error.txt"] = edit.error().text() + "\n";
        return {};
    }
    keep(outcome, "config.after.toml", *after);
    keep(outcome, "drop-in.toml", edit->text);
    keep_notices(outcome, edit->notices);
    const auto again = GRAPNEL_TRY(import_drop_in(input.config, input.drop_in));
    GRAPNEL_TRY(hold(again == *after, "a second run changes it to", again));
    const auto unset = GRAPNEL_TRY(forget_drop_in(input.config, input.drop_in));
    return hold(unset == before.value_or(""), "--unset makes of it", unset);
}

Status crio(const fs::path& directory, const RuntimeEntry& entry, Outcome& outcome) {
    const CrioFiles input{.earlier = files(directory, "earlier", "/etc/crio/crio.conf.d/"),
                          .drop_in = "/etc/crio/crio.conf.d/99-grapnel.toml",
                          .later = files(directory, "later", "/etc/crio/crio.conf.d/")};
    const auto edit = crio_drop_in(input, entry);
    if (!edit) {
        outcome["error.txt"] = edit.error().text() + "\n";
        return {};
    }
    keep(outcome, "drop-in.toml", edit->text);
    keep_notices(outcome, edit->notices);
    return {};
}

Result<Outcome> run(const fs::path& directory) {
    const auto entry = GRAPNEL_TRY(read_options(directory));
    const auto name = directory.filename().string();
    Outcome outcome;
    if (name.starts_with("docker-"))
        GRAPNEL_TRY(docker(directory, entry, outcome));
    else if (name.starts_with("containerd-"))
        GRAPNEL_TRY(containerd(directory, entry, outcome));
    else if (name.starts_with("crio-"))
        GRAPNEL_TRY(crio(directory, entry, outcome));
    else
        return refused(name + " begins with no engine's name");
    return outcome;
}

test::GoldenFiles golden_files(const Outcome& outcome) {
    test::GoldenFiles files;
    for (const auto& name : golden_names()) {
        const auto found = outcome.find(name);
        files[name] = found == outcome.end() ? Text() : Text(found->second);
    }
    return files;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2 || !fs::is_directory(argv[1])) {
            std::cerr << "usage: configure_case CASE-DIRECTORY\n";
            return 2;
        }
        const auto outcome = run(argv[1]);
        if (!outcome) {
            std::cerr << format_text("{}\n", outcome.error().what);
            return 1;
        }
        return test::compare_golden(argv[1], golden_files(*outcome));
    } catch (const std::exception& thrown) {
        (void)std::fprintf(stderr, "thrown: %s\n", thrown.what());
        return 1;
    }
}
