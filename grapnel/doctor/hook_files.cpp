// SPDX-License-Identifier: Apache-2.0
#include "doctor/hook_files.hpp"

#include "base/text.hpp"
#include "doctor/engines.hpp"
#include "doctor/shell.hpp"
#include "json/text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace grapnel::doctor_command {

namespace {

using Json = nlohmann::json;

constexpr std::array all_stages{"precreate", "createRuntime", "createContainer", "startContainer",
                                "prestart",  "poststart",     "poststop"};

Json member(const Json& object, const char* key) {
    return object.is_object() ? object.value(key, Json()) : Json();
}

bool is_empty_text(const Json& value) {
    return value.is_string() && value.get_ref<const std::string&>().empty();
}

/// A file without a version is of 0.1.0.
bool is_old(const Json& file) {
    const auto version = member(file, "version");
    return version.is_null() || is_empty_text(version) || version == "0.1.0";
}

/// The older version has the program itself as its hook, and its stages under two names.
Json program_of(const Json& file) {
    return is_old(file) ? member(file, "hook") : member(member(file, "hook"), "path");
}

Json stages_of(const Json& file) {
    const auto stages = member(file, "stages");
    return is_old(file) && stages.is_null() ? member(file, "stage") : stages;
}

std::string mistake_in_stages(const Json& stages) {
    if (!stages.is_array())
        return "has no stages";
    for (const auto& stage : stages)
        if (std::ranges::none_of(all_stages, [&](const char* known) { return stage == known; }))
            return "has an unknown stage"
                   + (stage.is_string() ? ": " + quote(stage.get_ref<const std::string&>())
                                        : std::string());
    return {};
}

std::string mistake_of(const Json& file) {
    if (!file.is_object())
        return "is no JSON object";
    if (!is_old(file) && member(file, "version") != "1.0.0")
        return "has no version that podman knows (1.0.0)";
    if (const auto program = program_of(file); !program.is_string() || is_empty_text(program))
        return "names no program as hook.path";
    if (const auto when = member(file, "when"); !when.is_null() && !when.is_object())
        return "has conditions (when) that are no object";
    return mistake_in_stages(stages_of(file));
}

/// Why no container meets the conditions, which must all be met.
std::string idle_reason(const Json& file) {
    if (stages_of(file).empty())
        return "stages is empty";
    if (is_old(file))
        return {};
    const auto when = member(file, "when");
    if (member(when, "always") == false)
        return "the condition always is false";
    const bool has_any = member(when, "always") == true || !member(when, "hasBindMounts").is_null()
                         || !member(when, "annotations").empty()
                         || !member(when, "commands").empty();
    return has_any ? "" : "when has no condition";
}

HookFile read_hook(const sys::HostFs& host, const HostPath& path) {
    const auto file = parse_json(text_of(host, path));
    HookFile out{.path = path, .mistake = mistake_of(file)};
    if (const auto program = program_of(file); program.is_string())
        out.program = program.get<std::string>();
    if (out.mistake.empty())
        out.idle = idle_reason(file);
    return out;
}

} // namespace

std::vector<HookFile> hooks_in(const sys::HostFs& host, const HostPath& directory) {
    std::vector<HookFile> out;
    for (const auto& name : names_in(host, directory))
        if (name.ends_with(".json"))
            out.push_back(read_hook(host, directory / name));
    return out;
}

namespace {

bool runs_ours(const sys::HostFs& host, const HookFile& hook) {
    return hook.idle.empty() && maker_of(host, hook.program) == Maker::grapnel;
}

/// podman and CRI-O pass over a file whose program is missing: such a file masks no other.
bool is_read(const sys::HostFs& host, const HookFile& hook) {
    const auto program = HostPath::make(hook.program);
    return hook.mistake.empty() && program && exists(host, *program);
}

} // namespace

std::optional<MaskedHook> masked_hook(const sys::HostFs& host,
                                      const std::vector<HostPath>& directories) {
    std::map<std::string, HookFile> read; // by the names of the files
    std::vector<MaskedHook> found;
    for (const auto& directory : directories)
        for (auto& hook : hooks_in(host, directory)) {
            if (!is_read(host, hook))
                continue;
            auto& known = read[std::string(hook.path.name())];
            if (known.path == hook.path) // the directory stands twice
                continue;
            std::erase_if(found, [&](const MaskedHook& pair) {
                return pair.mask.path.name() == hook.path.name();
            });
            if (runs_ours(host, known) && !runs_ours(host, hook))
                found.push_back({.masked = known, .mask = hook});
            else
                known = std::move(hook);
        }
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::string unmask_command(const sys::HostFs& host, const MaskedHook& hook) {
    const auto& mask = hook.mask.path;
    if (maker_of(host, hook.mask.program) == Maker::grapnel)
        return "rm " + shell_word(mask.text());
    const auto stem = mask.name().substr(0, mask.name().size() - std::string_view(".json").size());
    return "mv " + shell_word(mask.text()) + " "
           + shell_word((mask.parent() / (std::string(stem) + "-other.json")).text());
}

} // namespace grapnel::doctor_command
