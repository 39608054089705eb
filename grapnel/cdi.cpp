// SPDX-License-Identifier: Apache-2.0
#include "cdi/options.hpp"
#include "cmdline/help.hpp"
#include "command.hpp"
#include "host.hpp"
#include "prepare/log.hpp"
#include "prepare/settings_file.hpp"
#include "sys/config_file.hpp"

namespace grapnel {

namespace {

using namespace cdi_command;

constexpr std::size_t file_limit = std::size_t{16} << 20;

Result<Inventory> inventory_of_host(const Log& log) {
    const auto loaded = load_settings(std::nullopt, Variables::count);
    if (loaded.mistake)
        return *loaded.mistake;
    return describe_host(loaded.settings, {}, log);
}

Result<std::string> text_of(const Options& options) {
    Log log("grapnel");
    log.warnings_to_stderr(true);
    return cdi_spec(GRAPNEL_TRY(inventory_of_host(log)), options.spec);
}

Status write(const HostPath& path, const Options& options) {
    const auto file = GRAPNEL_TRY(sys::ConfigFile::open(path, file_limit));
    const auto text = GRAPNEL_TRY(text_of(options));
    if (file.text() == text)
        return say("nothing to change\n");
    GRAPNEL_TRY(file.replace(text));
    return say((file.text() ? "changed " : "made ") + path.text() + "\n");
}

Status run(const Options& options) {
    if (options.output)
        return write(*options.output, options);
    return say(GRAPNEL_TRY(text_of(options)));
}

} // namespace

int cdi(std::span<const std::string> words) {
    const auto options = cdi_command::parse_options(words);
    if (!options)
        return wrong_usage(options.error());
    if (options->help)
        return answer(cmdline::help(cdi_command::command()));
    return finish(run(*options));
}

} // namespace grapnel
