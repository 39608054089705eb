// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk system`: device nodes and their links in /dev/char.
#include "base/text.hpp"
#include "base/usage.hpp"
#include "command.hpp"
#include "nodes.hpp"
#include "nvidia_ctk.hpp"
#include "nvidia_ctk/words.hpp"
#include "prepare/settings_file.hpp"
#include "sys/argument_path.hpp"

#include <array>

namespace grapnel::nvidia_ctk {

namespace {

using cmdline::Row;

struct Given {
    bool help = false;
    std::optional<std::string> driver_root = {};
    std::optional<std::string> device_root = {};
    std::string links = "/dev/char";
};

constexpr std::array<std::string_view, 6> flags{"dry-run",         "load-kernel-modules",
                                                "control-devices", "create-device-nodes",
                                                "create-all",      "watch"};

const std::vector<Row<Given>>& rows() {
    using enum cmdline::Value;
    using cmdline::set;
    constexpr auto by_parsed = [](Given&, const std::optional<std::string>&) {};
    static const auto table = [&] {
        std::vector<Row<Given>> made{
            {{"driver-root", '\0', needed}, set<&Given::driver_root>},
            {{"root", '\0', needed}, set<&Given::driver_root>},
            {{"dev-root", '\0', needed}, set<&Given::device_root>},
            {{"dev-char-path", '\0', needed}, set<&Given::links>},
            {{"help", 'h', none, "", "", {}, true}, cmdline::set_flag<&Given::help>},
        };
        for (const auto name : flags)
            made.push_back({{name, '\0', optional}, by_parsed});
        return made;
    }();
    return table;
}

/// Whether that flag is set.
Result<bool> is_set(const cmdline::Parsed& parsed, std::string_view name) {
    bool value = false;
    for (const auto& given : parsed.given)
        if (rows()[given.option].option.name == name)
            value = GRAPNEL_TRY(flag_value(name, given.value));
    return value;
}

Status take_root(const std::optional<std::string>& given, std::string_view option,
                 HostPath& setting) {
    if (given)
        setting = GRAPNEL_TRY(sys::argument_path(*given).note(option));
    return {};
}

Status create(const Given& given, const NodeCreation& creation) {
    auto loaded = load_settings(std::nullopt, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    GRAPNEL_TRY(take_root(given.driver_root, "--driver-root", loaded.settings.driver_root));
    GRAPNEL_TRY(take_root(given.device_root, "--dev-root", loaded.settings.device_root));
    return say_nodes(GRAPNEL_TRY(create_nodes(loaded.settings, creation)), creation);
}

Result<NodeCreation> creation_of(const cmdline::Parsed& parsed) {
    for (const auto name : flags)
        GRAPNEL_TRY(is_set(parsed, name));
    const bool dry_run = GRAPNEL_TRY(is_set(parsed, "dry-run"));
    const bool load_modules = GRAPNEL_TRY(is_set(parsed, "load-kernel-modules"));
    if (GRAPNEL_TRY(is_set(parsed, "watch")))
        return usage_error(
            "--watch is not served: run this at each boot, or after the driver is loaded", tool);
    return NodeCreation{.dry_run = dry_run, .load_modules = load_modules};
}

} // namespace

int system_nodes(std::span<const std::string> words) {
    constexpr std::array<std::string_view, 2> commands{"create-device-nodes",
                                                       "create-dev-char-symlinks"};
    const auto command = words.empty() ? std::string_view() : std::string_view(words.front());
    if (command != commands[0] && command != commands[1])
        return wrong_usage(unknown_word(
            "command", words.empty() ? "system" : "system " + std::string(command),
            {{"system create-device-nodes", "system create-dev-char-symlinks"}}, tool));
    Given given;
    const auto parsed = take_options(words.subspan(1), rows(), given);
    if (!parsed)
        return wrong_usage(parsed.error());
    if (given.help)
        return nodes(std::vector<std::string>{"--help"});
    if (given.links != "/dev/char")
        return wrong_usage(usage_error("--dev-char-path: systemd and runc look for links in "
                                       "/dev/char alone",
                                       tool));
    const auto creation = creation_of(*parsed);
    return creation ? finish(create(given, *creation)) : wrong_usage(creation.error());
}

} // namespace grapnel::nvidia_ctk
