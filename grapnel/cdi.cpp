// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "cdi/generate.hpp"
#include "cdi/options.hpp"
#include "cmdline/help.hpp"
#include "command.hpp"
#include "prepare/log.hpp"
#include "sys/config_file.hpp"

namespace grapnel {

namespace {

using namespace cdi_command;

constexpr std::size_t file_limit = std::size_t{16} << 20;

Status write(const HostPath& path, const Generation& generation, const Log& log) {
    const auto file = GRAPNEL_TRY(sys::ConfigFile::open(path, file_limit));
    const auto text = GRAPNEL_TRY(spec_text(generation, log));
    if (file.text() == text)
        return say("nothing to change\n");
    GRAPNEL_TRY(file.replace(text));
    return say((file.text() ? "changed " : "made ") + printable(path.text()) + "\n");
}

Status generate(const Generation& generation) {
    Log log("grapnel");
    log.warnings_to_stderr(true);
    if (generation.output)
        return write(*generation.output, generation, log);
    return say(GRAPNEL_TRY(spec_text(generation, log)));
}

int run(std::span<const std::string> words, Form form) {
    const auto options = parse_options(words, form);
    if (!options)
        return wrong_usage(options.error());
    switch (options->action) {
    case Options::Action::help:
        return answer(cmdline::help(cdi_command::command()));
    case Options::Action::generate:
        return finish(generate(options->generation));
    }
    return exit_internal;
}

} // namespace

int cdi(std::span<const std::string> words) {
    return run(words, Form::live);
}

int cdi_of_nvidia_ctk(std::span<const std::string> words) {
    return run(words, Form::in_nvidias_form);
}

} // namespace grapnel
