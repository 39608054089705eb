// SPDX-License-Identifier: Apache-2.0
#include "cdi/files.hpp"

#include "base/exit_code.hpp"
#include "base/format.hpp"
#include "base/text.hpp"
#include "cdi/spec_files.hpp"
#include "command.hpp"
#include "host.hpp"
#include "json.hpp"
#include "prepare/settings_file.hpp"
#include "terminal.hpp"

namespace grapnel::cdi_command {

namespace {

/// Nothing on a host without a driver: the form and the paths of a file are checked even so.
std::optional<Inventory> inventory_of_host() {
    const auto loaded = load_settings(std::nullopt, Variables::count);
    const Log log("grapnel");
    auto inventory = describe_host(loaded.settings, request_for_all(), log);
    return inventory ? std::optional(std::move(*inventory)) : std::nullopt;
}

std::vector<SpecFile> read_files(const Options& options) {
    const sys::LinuxHostFs host;
    const auto inventory = inventory_of_host();
    const auto paths =
        options.files.empty() ? spec_paths(host, options.directories) : options.files;
    std::vector<SpecFile> files;
    for (const auto& path : paths)
        files.push_back(read_spec_file(host, path, inventory ? &*inventory : nullptr));
    return files;
}

std::string qualified(const SpecFile& file, const std::string& name) {
    return printable(file.scan.kind + "=" + name);
}

Json json_of(const SpecFile& file) {
    auto mistakes = Json::array();
    for (const auto& mistake : file.mistakes)
        mistakes.push_back({{"place", mistake.place}, {"text", mistake.text}});
    auto devices = Json::array();
    for (const auto& name : file.scan.names)
        devices.push_back(file.scan.kind + "=" + name);
    return {{"file", file.path.text()},
            {"state", state_of(file)},
            {"devices", std::move(devices)},
            {"reasons", file.reasons},
            {"mistakes", std::move(mistakes)}};
}

Status say_json(const std::vector<SpecFile>& files) {
    auto list = Json::array();
    for (const auto& file : files)
        list.push_back(json_of(file));
    return say(to_text(Json{{"files", std::move(list)}}));
}

std::string lines_of(const SpecFile& file) {
    const auto name = printable(file.path.text());
    std::string out;
    for (const auto& mistake : file.mistakes)
        out += format_text("{}: malformed: {}{}\n", name,
                           mistake.place.empty() ? "" : printable(mistake.place) + ": ",
                           printable(mistake.text));
    for (const auto& reason : file.reasons)
        out += format_text("{}: stale: {}\n", name, printable(reason));
    if (out.empty())
        out = format_text("{}: valid ({}, {} devices)\n", name, state_of(file),
                          file.scan.names.size());
    return out;
}

/// The command that mends the stale files; empty without a stale file.
std::string cure_of(const std::vector<SpecFile>& files) {
    bool is_ours = true;
    bool is_stale = false;
    std::string install;
    for (const auto& file : files)
        if (!file.reasons.empty()) {
            is_stale = true;
            is_ours = is_ours && !file.scan.options.empty();
            if (!file.hook_command.empty())
                install = "run '" + file.hook_command + "', which has the hook, or ";
        }
    if (!is_stale)
        return {};
    return is_ours ? "run 'grapnel cdi refresh'\n"
                   : install
                         + "write the file again with the program that wrote it, or write one that "
                           "does not go stale: 'grapnel cdi generate "
                           "--output=/etc/cdi/grapnel.json'\n";
}

} // namespace

Status list_devices(const Options& options, Form form) {
    const auto files = read_files(options);
    if (options.json)
        return say_json(files);
    Cells rows{{"DEVICE", "STATE", "FILE"}};
    std::string names;
    for (const auto& file : files) {
        if (file.scan.names.empty())
            rows.push_back({"-", std::string(state_of(file)), printable(file.path.text())});
        for (const auto& name : file.scan.names) {
            rows.push_back(
                {qualified(file, name), std::string(state_of(file)), printable(file.path.text())});
            names += qualified(file, name) + "\n";
        }
    }
    return say(form == Form::live ? table_text(rows, Terminal::of_stdout()) : names);
}

Result<int> validate_files(const Options& options) {
    const auto files = read_files(options);
    bool is_good = true;
    std::string out;
    for (const auto& file : files) {
        is_good = is_good && file.mistakes.empty() && file.reasons.empty();
        out += lines_of(file);
    }
    if (options.json)
        GRAPNEL_TRY(say_json(files));
    else if (files.empty())
        GRAPNEL_TRY(say("there is no CDI file\n"));
    else
        GRAPNEL_TRY(say(out + cure_of(files)));
    return is_good ? exit_done : exit_refused;
}

} // namespace grapnel::cdi_command
