// SPDX-License-Identifier: Apache-2.0
#include "update.hpp"

#include "oci/spec.hpp"
#include "oci/state.hpp"
#include "reading.hpp"
#include "sys/argument_path.hpp"
#include "sys/file.hpp"
#include "sys/program.hpp"

#include <optional>
#include <unistd.h>

namespace grapnel {

namespace {

using Arguments = std::vector<std::string>;

/// "runc --root R update --resources - ID" becomes "runc --root R state ID".
Result<HostPath> ask_bundle(const CommandLine& line, const HostPath& low_level,
                            const Arguments& arguments) {
    Arguments words(arguments.begin(),
                    arguments.begin() + 1 + static_cast<std::ptrdiff_t>(line.command_at));
    words.emplace_back("state");
    words.push_back(line.id);
    return bundle_of_state(GRAPNEL_TRY(sys::ask_program(low_level, words, state_size_limit)));
}

/// The resources with Grapnel's rules; nothing where there is nothing to add.
Result<std::optional<std::string>> with_own_rules(const CommandLine& line,
                                                  const HostPath& low_level,
                                                  const Arguments& arguments,
                                                  const std::string& resources) {
    if (!GRAPNEL_TRY(has_device_rules(resources)))
        return std::optional<std::string>();
    const auto bundle = GRAPNEL_TRY(ask_bundle(line, low_level, arguments));
    const auto config = GRAPNEL_TRY(sys::read_host_file(bundle / "config.json", spec_size_limit));
    return add_rules_of(config, resources);
}

} // namespace

Result<Arguments> arguments_of_update(const CommandLine& line, const HostPath& low_level,
                                      Arguments arguments) {
    if (line.resources == "-") {
        const auto given =
            GRAPNEL_TRY(sys::read_all({STDIN_FILENO}, spec_size_limit, "the new resources"));
        const auto changed = with_own_rules(line, low_level, arguments, given);
        GRAPNEL_TRY(sys::give_standard_input(changed && *changed ? **changed : given));
        return changed ? Result<Arguments>(std::move(arguments)) : changed.error();
    }
    const auto file = GRAPNEL_TRY(sys::argument_path(line.resources));
    const auto given = GRAPNEL_TRY(sys::read_host_file(file, spec_size_limit));
    const auto changed = GRAPNEL_TRY(with_own_rules(line, low_level, arguments, given));
    if (changed) {
        GRAPNEL_TRY(sys::give_standard_input(*changed));
        // of an option that stands twice the second counts
        arguments.insert(arguments.begin() + 1 + static_cast<std::ptrdiff_t>(line.id_at),
                         "--resources=-");
    }
    return arguments;
}

} // namespace grapnel
