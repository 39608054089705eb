// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "cdi/files.hpp"
#include "cdi/generate.hpp"
#include "cdi/options.hpp"
#include "cmdline/help.hpp"
#include "command.hpp"
#include "prepare/log.hpp"
#include "prepare/modules.hpp"

namespace grapnel {

namespace cdi_command {

namespace {

Status write(const HostPath& path, const Generation& generation, const Log& log) {
    const auto written = GRAPNEL_TRY(write_file(path, generation, log));
    if (written == Written::nothing)
        return say("nothing to change\n");
    return say((written == Written::changed ? "changed " : "made ") + printable(path.text())
               + "\n");
}

Status generate(const Generation& generation) {
    Log log("grapnel");
    log.warnings_to_stderr(true);
    if (generation.output)
        return write(*generation.output, generation, log);
    return say(GRAPNEL_TRY(spec_text(generation, log)));
}

int perform(const Options& options, Form form) {
    switch (options.action) {
    case Options::Action::help:
        return answer(cmdline::help(cdi_command::command()));
    case Options::Action::generate:
        return finish(generate(options.generation));
    case Options::Action::list:
        return finish(list_devices(options, form));
    case Options::Action::refresh:
        return finish(refresh_files(options));
    case Options::Action::validate:
        const auto code = validate_files(options);
        return code ? *code : finish(code.error());
    }
    return exit_internal;
}

int run(std::span<const std::string> words, Form form) {
    const auto options = parse_options(words, form);
    if (!options)
        return wrong_usage(options.error());
    const bool loads = options->action == Options::Action::refresh;
    return within_time_limit([&] { return perform(*options, form); },
                             loads ? modules_time_limit_ms : 0);
}

} // namespace

} // namespace cdi_command

int cdi(std::span<const std::string> words) {
    return cdi_command::run(words, cdi_command::Form::live);
}

int cdi_of_nvidia_ctk(std::span<const std::string> words) {
    return cdi_command::run(words, cdi_command::Form::in_nvidias_form);
}

} // namespace grapnel
