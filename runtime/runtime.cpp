// SPDX-License-Identifier: Apache-2.0
#include "runtime.hpp"

#include "base/exit_code.hpp"
#include "command_line.hpp"
#include "engine_log.hpp"
#include "low_level.hpp"
#include "oci/spec.hpp"
#include "prepare/log.hpp"
#include "prepare/settings_file.hpp"
#include "procfs.hpp"
#include "reading.hpp"
#include "sys/file.hpp"
#include "sys/held_file.hpp"
#include "sys/host_fs.hpp"
#include "sys/privilege.hpp"
#include "sys/program.hpp"
#include "update.hpp"

#include <algorithm>
#include <string>
#include <unistd.h>
#include <vector>

namespace grapnel {

namespace {

constexpr auto name = "grapnel-runtime";
constexpr auto hook_name = "grapnel-hook";

/// The hook works out its additions in a process of its own: it is confined, and this one must give
/// the low-level runtime all that the engine gave it.
Result<std::string> ask_hook(const std::string& config, const std::optional<HostPath>& settings,
                             const std::string& container) {
    const auto own = GRAPNEL_TRY(sys::own_program());
    const auto hook = own.parent() / hook_name;
    if (!sys::is_program(hook))
        return refused(hook.text() + " is missing", "install it beside " + own.text());
    std::vector<std::string> arguments{"--container=" + container};
    if (settings)
        arguments.push_back("--config=" + settings->text());
    arguments.emplace_back("precreate");
    auto answer = GRAPNEL_TRY(sys::run_own_program(hook, arguments, config, spec_size_limit));
    const auto real = GRAPNEL_TRY(sys::real_path(hook.text(), sys::PathOf::anything));
    GRAPNEL_TRY(check_answer(config, answer, real).note("the answer of " + hook.text()));
    return answer;
}

constexpr auto help =
    "grapnel-runtime gives containers the NVIDIA driver of their host: it is an OCI runtime that\n"
    "adds grapnel-hook and the device rules to the configuration of a container that asks for\n"
    "GPUs (NVIDIA_VISIBLE_DEVICES), and becomes runc or crun with the same arguments. See\n"
    "grapnel-runtime(8). The help of that low-level runtime:\n\n";

/// Prints this program's help or version before the low-level runtime's.
Status introduce(const CommandLine& line) {
    if (line.help)
        GRAPNEL_TRY(sys::write_all({STDOUT_FILENO}, help, "stdout"));
    if (line.version)
        GRAPNEL_TRY(sys::write_all({STDOUT_FILENO}, "grapnel-runtime version " GRAPNEL_VERSION "\n",
                                   "stdout"));
    return {};
}

class Runtime {
  public:
    Runtime(const CommandLine& line, Log& log) : line_(line), log_(log) {}

    Status run(char** argv) {
        GRAPNEL_TRY(introduce(line_));
        auto loaded = load_settings(std::nullopt, Variables::count);
        if (loaded.named) // as the hook will read it, which is given the path
            loaded = load_settings(loaded.named, Variables::are_ignored);
        const auto& settings = loaded.settings;
        log_.to(settings);
        if (line_.makes_container)
            GRAPNEL_TRY(prepare(loaded));
        const auto runtime = GRAPNEL_TRY(find_low_level_runtime(settings.runtimes));
        auto program = runtime.text();
        argv[0] = program.data();
        return line_.updates ? update(runtime, argv) : sys::become_program(runtime, argv);
    }

  private:
    /// Whatever becomes of the GPUs, the engine's update is made.
    Status update(const HostPath& runtime, char** argv) {
        std::vector<std::string> words;
        for (auto** word = argv; *word != nullptr; ++word)
            words.emplace_back(*word);
        auto changed = arguments_of_update(line_, runtime, std::move(words));
        if (!changed) {
            log_.warning("the container may lose its GPUs at this update: "
                         + changed.error().text());
            return sys::become_program(runtime, argv);
        }
        std::vector<char*> arguments;
        for (auto& word : *changed)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        return sys::become_program(runtime, arguments.data());
    }

    /// A mistake in the settings keeps a container that asks for a GPU from being made, and no
    /// container from being ended.
    Status prepare(const LoadedSettings& loaded) {
        const auto config = sys::HeldFile::open(line_.bundle, "config.json", spec_size_limit);
        if (!config && sys::is_missing(config.error()))
            return {}; // the low-level runtime reports the fault of the bundle
        if (!config)
            return config.error();
        const auto& text = config->text();
        const auto reading = GRAPNEL_TRY(read_config(text, loaded).note(config->path().text()));
        log_.write(reading.notices);
        if (!reading.needs_edit)
            return {};
        if (reading.has_request && reading.new_procfs)
            GRAPNEL_TRY(check_procfs(reading.user_namespace));
        return config->replace(GRAPNEL_TRY(ask_hook(text, loaded.named, line_.id)));
    }

    const CommandLine& line_;
    Log& log_;
};

} // namespace

int run_runtime(int argc, char** argv) {
    const std::vector<const char*> words(argv + std::min(argc, 1), argv + argc);
    const auto line = parse_command_line(words);
    Log log(name);
    log.to_file(Settings{}.log);
    if (!line.id.empty())
        log.of_container(line.id);
    const auto tell = [&](std::string_view error) {
        tell_engine(line, std::string(name) + ": " + std::string(error));
    };
    const auto work = [&]() -> int {
        const auto held = sys::hold_standard_descriptors();
        const auto failed = held ? Runtime(line, log).run(argv) : held;
        if (failed)
            return exit_done;
        log.error(failed.error().text());
        tell(failed.error().text());
        return exit_refused;
    };
    return guard(log, exit_internal, work, tell);
}

} // namespace grapnel
