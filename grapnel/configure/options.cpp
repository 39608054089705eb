// SPDX-License-Identifier: Apache-2.0
#include "configure/options.hpp"

#include "base/text.hpp"
#include "base/usage.hpp"
#include "cmdline/parse.hpp"
#include "configure/option_table.hpp"
#include "sys/argument_path.hpp"
#include "sys/installation.hpp"

#include <algorithm>
#include <vector>

namespace grapnel::configure_command {

namespace {

constexpr std::string_view tool = "grapnel configure";

Error wrong(std::string message) {
    return usage_error(std::move(message), tool);
}

Result<KnownEngine> engine_of(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& engine : engines_known()) {
        if (engine.name == name)
            return engine;
        names.push_back(engine.name);
    }
    return unknown_word("engine", name, names, tool);
}

Result<HostPath> path_argument(const std::string& text) {
    auto path = sys::argument_path(text);
    if (path)
        if (const auto checked = engine_config::check_path(path->text()); !checked)
            return checked.error();
    return path;
}

/// An error of an argument is one of the command line.
template <typename T>
Result<T> as_usage(Result<T> result, std::string_view option) {
    if (!result)
        result.error().kind = Error::Kind::usage;
    return std::move(result).note(option);
}

Result<HostPath> path_or(const std::optional<std::string>& given, std::string_view fallback,
                         std::string_view option) {
    if (given)
        return as_usage(path_argument(*given), option);
    return fallback.empty() ? HostPath() : host_path(fallback);
}

/// `options`: names, separated by blanks.
bool is_among(std::string_view name, std::string_view options) {
    const auto names = split(options, ' ');
    return std::ranges::find(names, name) != names.end();
}

bool is_for_all(std::string_view option) {
    return is_among(option, "unset dry-run cdi");
}

Status check_engine(const KnownEngine& known, const cmdline::Parsed& parsed, const Given& given) {
    if (known.engine == Engine::podman && given.set_as_default)
        return wrong("--set-as-default is not for podman, which is given a hook and no "
                     "runtime: the hook runs for every container anyway");
    for (const auto& one : parsed.given) {
        const auto name = option_rows()[one.option].option.name;
        if (!is_for_all(name) && !is_among(name, known.options))
            return wrong("--" + std::string(name) + " is not for " + std::string(known.name));
    }
    return {};
}

std::string installed(std::string_view name, std::string_view built) {
    return sys::installed_program("bin/" + std::string(name), host_path(built)).text();
}

Result<Options> options_of(const Given& given, const KnownEngine& known) {
    Options options{.engine = known.engine, .unset = given.unset, .dry_run = given.dry_run};
    options.config = GRAPNEL_TRY(path_or(given.config, known.config, "--config"));
    options.drop_in = GRAPNEL_TRY(path_or(given.drop_in, known.drop_in, "--drop-in"));
    options.hook_dir = GRAPNEL_TRY(path_or(given.hook_dir, default_hook_dir, "--hook-dir"));
    const auto hook = installed("grapnel-hook", GRAPNEL_BINDIR "/grapnel-hook");
    options.hook = GRAPNEL_TRY(path_or(given.hook, hook, "--hook-path"));
    const auto runtime = installed("grapnel-runtime", GRAPNEL_BINDIR "/grapnel-runtime");
    options.entry.path = GRAPNEL_TRY(path_or(given.runtime_path, runtime, "--runtime-path")).text();
    options.entry.set_as_default = given.set_as_default;
    options.entry.cdi = given.cdi;
    if (given.runtime_name) {
        GRAPNEL_TRY(
            as_usage(engine_config::check_runtime_name(*given.runtime_name), "--runtime-name"));
        options.entry.name = *given.runtime_name;
    }
    return options;
}

} // namespace

Result<Options> parse_options(std::span<const std::string> words) {
    Given given;
    const cmdline::Grammar grammar{.program = tool, .operands = cmdline::Operands::are_mixed};
    const auto parsed = GRAPNEL_TRY(cmdline::take_words(words, option_rows(), grammar, given));
    const auto& operands = parsed.operands;
    if (given.help)
        return Options{.help = true};
    if (operands.empty())
        return wrong("the engine is missing");
    if (operands.front() == "help")
        return Options{.help = true};
    if (operands.size() > 1)
        return wrong("one engine at a time: " + quote(operands[1]));
    const auto known = GRAPNEL_TRY(engine_of(operands.front()));
    GRAPNEL_TRY(check_engine(known, parsed, given));
    return options_of(given, known);
}

} // namespace grapnel::configure_command
