// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk config`: the settings, printed or changed.
#include "base/text.hpp"
#include "base/usage.hpp"
#include "command.hpp"
#include "config/edit.hpp"
#include "config/keys.hpp"
#include "default_text.hpp"
#include "nvidia_ctk.hpp"
#include "nvidia_ctk/words.hpp"
#include "prepare/settings_file.hpp"
#include "sys/argument_path.hpp"
#include "sys/config_file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace grapnel::nvidia_ctk {

namespace {

using namespace config_command;
using cmdline::Row;

struct Given {
    bool help = false;
    std::optional<std::string> file = {};
    std::optional<std::string> output = {};
    std::vector<std::string> settings = {}; ///< KEY=VALUE
    std::string list_separator = ":";
    bool in_place = false;
};

const std::vector<Row<Given>>& rows() {
    using enum cmdline::Value;
    using namespace cmdline;
    static const std::vector<Row<Given>> table{
        {{"config-file", 'c', needed}, set<&Given::file>},
        {{"config", '\0', needed}, set<&Given::file>},
        {{"set", '\0', needed}, append<&Given::settings>},
        {{"set-list-separator", '\0', needed}, set<&Given::list_separator>},
        {{"in-place", 'i', none}, set_flag<&Given::in_place>},
        {{"output", 'o', needed}, set<&Given::output>},
        {{"help", 'h', none, "", "", {}, true}, set_flag<&Given::help>},
    };
    return table;
}

/// A key of NVIDIA's file that the settings know and that has no effect.
bool is_without_effect(const std::string& key) {
    return !read_settings(key + " = ''", Dialect::grapnel, key).mistake;
}

/// In the words of `grapnel config set`. A list has the separator or a comma between its items.
std::string plain_value(KeyValue::Type type, std::string value, const std::string& separator) {
    if (type == KeyValue::Type::list)
        for (auto at = value.find(separator); at != std::string::npos;
             at = value.find(separator, at + 1))
            value.replace(at, separator.size(), ",");
    if (type == KeyValue::Type::flag)
        if (const auto flag = cmdline::flag_value(value))
            return *flag ? "true" : "false";
    return value;
}

/// A key alone is a flag that is set.
Result<std::string> changed(const std::string& text, const HostPath& file, Dialect dialect,
                            const std::string& setting, const std::string& separator) {
    const auto equals = setting.find('=');
    auto key = setting.substr(0, equals);
    if (key == "nvidia-container-cli.debug")
        key = "log";
    const auto defaults = GRAPNEL_TRY(default_values());
    const auto known = defaults.find(key);
    if (known == defaults.end() && is_without_effect(key)) {
        complain(key + " has no effect in Grapnel: it is not written");
        return text;
    }
    const auto type = known == defaults.end() ? KeyValue::Type::text : known->second.type;
    if (equals == std::string::npos && known != defaults.end() && type != KeyValue::Type::flag)
        return usage_error("--set=" + quote(setting) + " has no value", tool);
    const auto value =
        equals == std::string::npos ? std::string("true") : setting.substr(equals + 1);
    return with_key(text, file.text(), dialect, key, plain_value(type, value, separator));
}

Status write(const HostPath& path, const std::string& text) {
    const auto file = GRAPNEL_TRY(sys::ConfigFile::open(path, settings_size_limit));
    return file.text() == text ? Status() : file.replace(text);
}

Status print_or_change(const Given& given) {
    std::optional<HostPath> named;
    if (given.file)
        named = GRAPNEL_TRY(sys::argument_path(*given.file).note("--config-file"));
    const auto loaded = load_settings(named, Variables::count);
    const auto path = loaded.file.value_or(host_path("/etc/grapnel/config.toml"));
    const auto file = GRAPNEL_TRY(sys::ConfigFile::open(path, settings_size_limit));
    auto text = file.text().value_or("");
    for (const auto& setting : given.settings)
        text = GRAPNEL_TRY(changed(text, path, loaded.dialect, setting, given.list_separator));
    if (given.in_place)
        return file.text() == text ? Status() : file.replace(text);
    if (given.output)
        return write(GRAPNEL_TRY(sys::argument_path(*given.output).note("--output")), text);
    return say(text);
}

bool is_default(std::string_view word) {
    return word == "default" || word == "create-default" || word == "generate-default";
}

int help() {
    return grapnel::config(std::vector<std::string>{"--help"});
}

/// nvidia-ctk config default --output=FILE
int print_default(std::span<const std::string> words) {
    Given given;
    const auto parsed = take_options(words, rows(), given);
    if (!parsed)
        return wrong_usage(parsed.error());
    if (given.help)
        return help();
    if (!given.output)
        return answer(default_text);
    const auto path = sys::argument_path(*given.output).note("--output");
    return path ? finish(write(*path, std::string(default_text))) : wrong_usage(path.error());
}

} // namespace

int config(std::span<const std::string> words) {
    Given given;
    const auto parsed = cmdline::take_words(words, rows(), grammar, given);
    if (!parsed)
        return wrong_usage(parsed.error());
    const auto rest = words.subspan(parsed->used);
    if (given.help)
        return help();
    if (!rest.empty() && is_default(rest.front()))
        return print_default(rest.subspan(1));
    if (const auto none = check_no_words(rest); !none)
        return wrong_usage(none.error());
    if (given.list_separator.empty())
        return wrong_usage(usage_error("--set-list-separator is empty", tool));
    if (given.settings.empty() && !given.output && !given.in_place) {
        std::vector<std::string> show{"show"};
        if (given.file)
            show.push_back("--config=" + *given.file);
        return grapnel::config(show);
    }
    return finish(print_or_change(given));
}

} // namespace grapnel::nvidia_ctk
