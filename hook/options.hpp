// SPDX-License-Identifier: Apache-2.0
// The command line of grapnel-hook.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"

#include <optional>
#include <span>
#include <string>

namespace grapnel {

enum class Stage { precreate, prestart, create_runtime, poststart, poststop };

struct Options {
    enum class Action { run, help, version };
    Action action = Action::run;
    Stage stage = Stage::prestart;
    std::optional<std::string> config_text = {}; ///< as given
    std::optional<HostPath> config = {};
    std::string container = {};  ///< ID, from a caller that writes a failure into the log itself
    std::string cdi_device = {}; ///< CDI name of this hook; empty: not started by CDI
    bool debug = false;
    bool dry_run = false;
};

/// `words` without the program's name. An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words);

} // namespace grapnel
