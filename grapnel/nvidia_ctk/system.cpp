// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk system`: device nodes and their links in /dev/char.
#include "base/text.hpp"
#include "base/usage.hpp"
#include "command.hpp"
#include "nodes.hpp"
#include "nvidia_ctk.hpp"
#include "nvidia_ctk/variables.hpp"
#include "prepare/modules.hpp"
#include "prepare/settings_file.hpp"
#include "sys/argument_path.hpp"

#include <array>

namespace grapnel::nvidia_ctk {

namespace {

using cmdline::Row;

struct Given {
    bool help = false;
    bool dry_run = false;
    bool load_modules = false;
    bool watch = false;
    std::optional<std::string> driver_root = {};
    std::optional<std::string> device_root = {};
    std::string links = "/dev/char";
    std::vector<std::string> ignored = {};
};

const std::vector<Row<Given>>& rows() {
    using enum cmdline::Value;
    using namespace cmdline;
    static const std::vector<Row<Given>> table{
        {{"driver-root", '\0', needed}, set<&Given::driver_root>},
        {{"root", '\0', needed}, set<&Given::driver_root>},
        {{"dev-root", '\0', needed}, set<&Given::device_root>},
        {{"dev-char-path", '\0', needed}, set<&Given::links>},
        {{"dry-run"}, set_flag<&Given::dry_run>},
        {{"load-kernel-modules"}, set_flag<&Given::load_modules>},
        {{"watch"}, set_flag<&Given::watch>},
        // every missing node and link is made without them as well
        {{"control-devices"}, append<&Given::ignored>},
        {{"create-device-nodes"}, append<&Given::ignored>},
        {{"create-all"}, append<&Given::ignored>},
        {{"help", 'h', none, "", "", {}, true}, set_flag<&Given::help>},
    };
    return table;
}

constexpr auto of_nodes = std::to_array<Variable>({{"root", "ROOT"},
                                                   {"driver-root", "NVIDIA_DRIVER_ROOT"},
                                                   {"driver-root", "DRIVER_ROOT"},
                                                   {"dev-root", "NVIDIA_DEV_ROOT"},
                                                   {"dev-root", "DEV_ROOT"},
                                                   {"dry-run", "DRY_RUN"}});
constexpr auto of_links = std::to_array<Variable>({{"driver-root", "NVIDIA_DRIVER_ROOT"},
                                                   {"driver-root", "DRIVER_ROOT"},
                                                   {"dev-char-path", "DEV_CHAR_PATH"},
                                                   {"load-kernel-modules", "LOAD_KERNEL_MODULES"},
                                                   {"dry-run", "DRY_RUN"}});

Result<Given> parse(std::span<const std::string> words, std::span<const Variable> variables) {
    Given given;
    const auto parsed = GRAPNEL_TRY(take_options(words, rows(), given));
    const auto more = words_of(variables, rows(), parsed.given);
    GRAPNEL_TRY(take_options(more, rows(), given));
    return given;
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

} // namespace

int system_nodes(std::span<const std::string> words) {
    const auto& command = words.front();
    const bool makes_nodes = command == "create-device-nodes";
    if (!makes_nodes && command != "create-dev-char-symlinks")
        return wrong_usage(unknown_word(
            "command", "system " + command,
            {{"system create-device-nodes", "system create-dev-char-symlinks"}}, tool));
    const auto given = parse(words.subspan(1), makes_nodes ? std::span<const Variable>(of_nodes)
                                                           : std::span<const Variable>(of_links));
    if (!given)
        return wrong_usage(given.error());
    if (given->help)
        return nodes(std::vector<std::string>{"--help"});
    if (given->watch)
        return wrong_usage(usage_error(
            "--watch is not served: run this at each boot, or after the driver is loaded", tool));
    const auto links = sys::argument_path(given->links).note("--dev-char-path");
    if (!links)
        return wrong_usage(links.error());
    const NodeCreation creation{
        .dry_run = given->dry_run, .load_modules = given->load_modules, .links = *links};
    return within_time_limit([&] { return finish(create(*given, creation)); },
                             creation.load_modules ? modules_time_limit_ms : 0);
}

} // namespace grapnel::nvidia_ctk
