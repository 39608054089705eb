// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "base/format.hpp"

#include "arguments.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"
#include "cli.hpp"

#include <algorithm>
#include <array>

namespace grapnel::cli {

namespace {

using Command = Options::Command;
/// What an option does to the result.
using Take = void (*)(Options& options, const std::optional<std::string>& value);

struct Known {
    Option option = {};
    Take take = nullptr;
};

template <auto member>
void set_flag(Options& options, const std::optional<std::string>& /*value*/) {
    options.*member = true;
}

template <auto member>
void set(Options& options, const std::optional<std::string>& value) {
    options.*member = value.value_or(std::string());
}

template <auto member>
void append(Options& options, const std::optional<std::string>& value) {
    (options.*member).push_back(*value);
}

template <DriverCapability capability>
void want(Options& options, const std::optional<std::string>& /*value*/) {
    options.driver_capabilities.insert(capability);
}

void help_wanted(Options& options, const std::optional<std::string>& /*value*/) {
    options.command = Command::help;
}

void usage_wanted(Options& options, const std::optional<std::string>& /*value*/) {
    options.command = Command::usage;
}

void version_wanted(Options& options, const std::optional<std::string>& /*value*/) {
    options.command = Command::version;
}

constexpr Known help_option{{"help", 'h', Value::none, "", "print this"}, help_wanted};
/// NVIDIA's letter.
constexpr Known old_help_option{{"help", '?', Value::none, "", ""}, help_wanted};
constexpr Known usage_option{{"usage", '\0', Value::none, "", "print a short usage"}, usage_wanted};

const std::vector<Known>& global_options() {
    using enum Value;
    static const std::vector<Known> known{
        {{"debug", 'd', needed, "FILE", "log what is noteworthy to FILE"}, set<&Options::debug>},
        {{"load-kmods", 'k', none, "", "load missing modules, make missing nodes"},
         set_flag<&Options::load_kmods>},
        {{"no-pivot", 'n', none, "", "nothing: kept for those who give it"},
         [](Options&, const std::optional<std::string>&) {}},
        {{"user", 'u', optional, "UID[:GID]", "ask the driver's library as that user"},
         set<&Options::user>},
        {{"root", 'r', needed, "PATH", "the root of the driver's files"}, set<&Options::root>},
        {{"ldcache", 'l', needed, "FILE", "the ld.so.cache that names them"},
         set<&Options::ldcache>},
        {{"no-create-imex-channels", '\0', none, "", "make no nodes of IMEX channels"},
         set_flag<&Options::no_create_imex_channels>},
        {{"version", 'V', none, "", "print the version"}, version_wanted},
        {{"version", 'v', none, "", ""}, version_wanted},
        help_option,
        old_help_option,
        usage_option,
    };
    return known;
}

const std::vector<Known>& shared_options() {
    using enum Value;
    static const std::vector<Known> known{
        {{"device", 'd', needed, "ID", "a GPU or MIG device, or all; a list"},
         append<&Options::devices>},
        {{"mig-config", '\0', needed, "ID", "all: the right to make MIG devices"},
         set<&Options::mig_config>},
        {{"mig-monitor", '\0', needed, "ID", "all: the right to watch MIG devices"},
         set<&Options::mig_monitor>},
        {{"imex-channel", '\0', needed, "CHANNEL", "an IMEX channel; a list"},
         append<&Options::imex_channels>},
        {{"compat32", '\0', none, "", "32-bit libraries as well"}, set_flag<&Options::compat32>},
        {{"no-persistenced", '\0', none, "", "without the socket of nvidia-persistenced"},
         set_flag<&Options::no_persistenced>},
        {{"no-fabricmanager", '\0', none, "", "without the socket of the fabric manager"},
         set_flag<&Options::no_fabricmanager>},
        {{"no-gsp-firmware", '\0', none, "", "without the firmware of the GPU's own processor"},
         set_flag<&Options::no_gsp_firmware>},
        help_option,
        old_help_option,
        usage_option,
    };
    return known;
}

std::vector<Known> with_shared(std::vector<Known> own) {
    own.insert(own.end(), shared_options().begin(), shared_options().end());
    return own;
}

const std::vector<Known>& configure_options() {
    using enum Value;
    using enum DriverCapability;
    static const auto known = with_shared({
        {{"pid", 'p', needed, "PID", "a process of the container"}, set<&Options::pid>},
        {{"require", 'r', needed, "EXPR", "what driver and GPU must be: cuda>=12.4"},
         append<&Options::requirements>},
        {{"ldconfig", 'l', needed, "PATH", "the host's ldconfig: @/sbin/ldconfig"},
         set<&Options::ldconfig>},
        {{"compute", 'c', none, "", "CUDA and OpenCL"}, want<compute>},
        {{"utility", 'u', none, "", "NVML and nvidia-smi"}, want<utility>},
        {{"video", 'v', none, "", "encoding and decoding"}, want<video>},
        {{"graphics", 'g', none, "", "OpenGL, EGL and Vulkan"}, want<graphics>},
        {{"display", 'D', none, "", "the same for an X server"}, want<display>},
        {{"ngx", 'n', none, "", "NGX"}, want<ngx>},
        {{"no-cgroups", '\0', none, "", "leave the device cgroup alone"},
         set_flag<&Options::no_cgroups>},
        {{"no-devbind", '\0', none, "", "device rules without device nodes"},
         set_flag<&Options::no_devbind>},
        {{"no-cntlibs", '\0', none, "", "use no libcuda of the image"},
         set_flag<&Options::no_cntlibs>},
        {{"cuda-compat-mode", '\0', needed, "MODE", "mount, ldconfig or disabled"},
         set<&Options::cuda_compat_mode>},
    });
    return known;
}

const std::vector<Known>& list_options() {
    using enum Value;
    static const auto known = with_shared({
        {{"libraries", 'l', none, "", "the driver's libraries"}, set_flag<&Options::libraries>},
        {{"binaries", 'b', none, "", "its programs"}, set_flag<&Options::binaries>},
        {{"ipcs", 'i', none, "", "sockets of its daemons"}, set_flag<&Options::ipcs>},
        {{"firmwares", 'f', none, "", "its firmware"}, set_flag<&Options::firmwares>},
    });
    return known;
}

const std::vector<Known>& info_options() {
    static const std::vector<Known> known{
        {{"csv", '\0', Value::none, "", "values with commas between them"},
         set_flag<&Options::csv>},
        help_option,
        old_help_option,
        usage_option,
    };
    return known;
}

struct CommandGrammar {
    std::string_view name;
    Command command;
    std::string_view operand;
    const std::vector<Known>& (*options)();
    std::string_view help;
};

constexpr std::array<CommandGrammar, 3> commands{{
    {"configure", Command::configure, " ROOTFS", configure_options,
     "give the driver to a container"},
    {"list", Command::list, "", list_options, "print the driver's nodes and files"},
    {"info", Command::info, "", info_options, "print what driver and GPUs are"},
}};

const CommandGrammar* find_command(std::string_view name) {
    const auto* const found = std::ranges::find(commands, name, &CommandGrammar::name);
    return found == commands.end() ? nullptr : found;
}

Error wrong(const std::string& what) {
    return usage_error(what, program_name);
}

Error unknown_command(std::string_view word) {
    std::vector<std::string_view> names{"help"};
    for (const auto& command : commands)
        names.push_back(command.name);
    return unknown_word("command", word, names, program_name);
}

/// What was said is done to `options`; other words are returned.
std::vector<std::string> take(const Parsed& parsed, const std::vector<Known>& known,
                              const std::vector<Option>& table, Options& options) {
    std::vector<std::string> others;
    for (const auto& given : parsed.given) {
        if (given.option == nullptr) {
            others.push_back(*given.value);
            continue;
        }
        const auto at = static_cast<std::size_t>(given.option - table.data());
        known[at].take(options, given.value);
    }
    return others;
}

std::vector<Option> table_of(const std::vector<Known>& known) {
    std::vector<Option> out;
    for (const auto& one : known)
        out.push_back(one.option);
    return out;
}

bool is_answered(const Options& options) {
    return options.command == Command::help || options.command == Command::usage
           || options.command == Command::version;
}

Status take_operands(const CommandGrammar& grammar, std::vector<std::string> others,
                     Options& options) {
    if (grammar.command == Command::configure && !others.empty()) {
        options.rootfs = others.front();
        others.erase(others.begin());
    } else if (grammar.command == Command::configure) {
        return wrong("ROOTFS is missing");
    }
    if (!others.empty())
        return wrong("one word too many: " + quote(others.front()));
    return {};
}

std::string option_line(const Option& option) {
    const std::string letter =
        option.letter == '\0' ? "    " : "-" + std::string(1, option.letter) + ", ";
    auto name = "--" + std::string(option.name);
    if (option.value == Value::optional)
        name += "[=" + std::string(option.placeholder) + "]";
    else if (option.value == Value::needed)
        name += "=" + std::string(option.placeholder);
    return format_text("  {}{:<26} {}\n", letter, name, option.help);
}

} // namespace

Result<Options> parse_options(std::span<const std::string> words) {
    Options options;
    const auto global = table_of(global_options());
    const auto before = GRAPNEL_TRY(parse_words(words, global, Others::end));
    (void)take(before, global_options(), global, options); // words that are no options are not read
    if (is_answered(options))
        return options;
    words = words.subspan(before.used);
    if (words.empty())
        return wrong("the command is missing");
    if (words.front() == "help") {
        options.command = Command::help;
        return options;
    }
    const auto* const grammar = find_command(words.front());
    if (grammar == nullptr)
        return unknown_command(words.front());
    options.command = grammar->command;
    const auto& known = grammar->options();
    const auto table = table_of(known);
    const auto after = GRAPNEL_TRY(parse_words(words.subspan(1), table, Others::stand_among));
    auto others = take(after, known, table, options);
    options.help_of = grammar->name;
    if (is_answered(options))
        return options;
    options.help_of.clear();
    GRAPNEL_TRY(take_operands(*grammar, std::move(others), options));
    return options;
}

std::string usage(std::string_view command) {
    const auto* const grammar = find_command(command);
    if (grammar == nullptr)
        return "usage: nvidia-container-cli [OPTION]... configure|list|info [OPTION]...\n";
    return format_text("usage: nvidia-container-cli [OPTION]... {} [OPTION]...{}\n", command,
                       grammar->operand);
}

std::string help(std::string_view command) {
    const auto* const grammar = find_command(command);
    auto text = usage(command);
    if (grammar == nullptr) {
        text += "\nGives a container the NVIDIA driver of its host, and says what the host has.\n"
                "\ncommands:\n";
        for (const auto& one : commands)
            text += format_text("  {:<10} {}\n", one.name, one.help);
    }
    text += "\noptions:\n";
    for (const auto& known : grammar == nullptr ? global_options() : grammar->options())
        if (!known.option.help.empty())
            text += option_line(known.option);
    return text;
}

} // namespace grapnel::cli
