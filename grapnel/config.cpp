// SPDX-License-Identifier: Apache-2.0
// grapnel config: the settings, looked at and changed.
#include "base/format.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "config/edit.hpp"
#include "config/keys.hpp"
#include "default_text.hpp"
#include "json.hpp"
#include "look.hpp"
#include "prepare/settings_file.hpp"
#include "sys/argument_path.hpp"
#include "sys/config_file.hpp"
#include "terminal.hpp"

#include <array>

namespace grapnel {

namespace {

using namespace config_command;

Result<LoadedSettings> load(const LookOptions& options) {
    std::optional<HostPath> named;
    if (options.config)
        named = GRAPNEL_TRY(sys::argument_path(*options.config).note("--config"));
    return load_settings(named, Variables::count);
}

HostPath file_of(const LoadedSettings& loaded) {
    return loaded.file.value_or(host_path("/etc/grapnel/config.toml"));
}

Status check_count(const LookArguments& arguments, std::size_t count) {
    if (arguments.operands.size() < count)
        return wrong_operand(config_command_table(), "the key and its value are missing");
    if (arguments.operands.size() > count)
        return wrong_operand(config_command_table(),
                             "one word too many: " + quote(arguments.operands[count]));
    return {};
}

Status check(const LookArguments& arguments) {
    GRAPNEL_TRY(check_count(arguments, 1));
    const auto loaded = GRAPNEL_TRY(load(arguments.options));
    if (loaded.mistake)
        return *loaded.mistake;
    return say(loaded.file ? loaded.file->text() + ": no mistake\n"
                           : "there is no file: the defaults hold\n");
}

std::string show_text(const std::vector<Setting>& settings, const LoadedSettings& loaded,
                      const Terminal& terminal) {
    std::string out =
        "# " + (loaded.file ? printable(loaded.file->text()) : "no file: the defaults") + "\n";
    for (const auto& setting : settings) {
        const auto line = setting.key + " = " + printable(to_toml(setting.value));
        const auto source = setting.line == 0 ? "default" : format_text("line {}", setting.line);
        out += terminal.paint(setting.line == 0 ? Colour::dim : Colour::none,
                              format_text("{:<70} # {}", line, source))
               + "\n";
    }
    return out;
}

Json value_json(const KeyValue& value) {
    if (value.type == KeyValue::Type::flag)
        return value.flag;
    return value.type == KeyValue::Type::text ? Json(value.text) : Json(value.list);
}

std::string show_json(const std::vector<Setting>& settings, const LoadedSettings& loaded) {
    auto list = Json::array();
    for (const auto& setting : settings)
        list.push_back({{"key", setting.key},
                        {"value", value_json(setting.value)},
                        {"line", setting.line == 0 ? Json() : Json(setting.line)}});
    return to_text(Json{{"file", loaded.file ? Json(loaded.file->text()) : Json()},
                        {"mistake", loaded.mistake ? Json(loaded.mistake->text()) : Json()},
                        {"settings", std::move(list)}});
}

/// With a mistake the values that are right are shown all the same.
Status show(const LookArguments& arguments) {
    GRAPNEL_TRY(check_count(arguments, 1));
    const auto loaded = GRAPNEL_TRY(load(arguments.options));
    std::string text;
    if (loaded.file)
        if (const auto file = sys::ConfigFile::open(*loaded.file, settings_size_limit))
            text = file->text().value_or("");
    const auto settings = settings_in(text, file_of(loaded).text());
    if (!settings)
        return settings.error();
    GRAPNEL_TRY(say(arguments.options.json ? show_json(*settings, loaded)
                                           : show_text(*settings, loaded, Terminal::of_stdout())));
    return loaded.mistake ? Status(*loaded.mistake) : Status();
}

Status set(const LookArguments& arguments) {
    GRAPNEL_TRY(check_count(arguments, 3));
    const auto loaded = GRAPNEL_TRY(load(arguments.options));
    const auto file = GRAPNEL_TRY(sys::ConfigFile::open(file_of(loaded), settings_size_limit));
    const auto before = file.text().value_or("");
    const auto after = GRAPNEL_TRY(with_key(before, file.path().text(), loaded.dialect,
                                            arguments.operands[1], arguments.operands[2]));
    if (file.text() == after)
        return say("nothing to change\n");
    GRAPNEL_TRY(file.replace(after));
    return say("changed " + printable(file.path().text()) + "\n");
}

Status print_default(const LookArguments& arguments) {
    GRAPNEL_TRY(check_count(arguments, 1));
    return say(default_text);
}

Status run_config(const LookArguments& arguments) {
    struct Entry {
        std::string_view name;
        LookWork& run;
    };
    constexpr std::array<Entry, 4> commands{
        {{"check", check}, {"show", show}, {"set", set}, {"default", print_default}}};
    if (arguments.operands.empty())
        return wrong_operand(config_command_table(), "the command is missing");
    std::vector<std::string_view> names{"help"};
    for (const auto& command : commands) {
        if (command.name == arguments.operands.front())
            return command.run(arguments);
        names.push_back(command.name);
    }
    return unknown_word("command", arguments.operands.front(), names, "grapnel config");
}

} // namespace

int config(std::span<const std::string> words) {
    return look(config_command_table(), words, run_config);
}

} // namespace grapnel
