// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cmdline/table.hpp"
#include "options.hpp"

#include <array>

namespace grapnel {

[[nodiscard]] const std::vector<cmdline::Row<Options>>& hook_options();

[[nodiscard]] cmdline::Program hook_program();

inline constexpr std::array<std::pair<cmdline::Word, Stage>, 5> stages{{
    {{"precreate", "add to a config.json what the runtime must know"}, Stage::precreate},
    {{"prestart", "give the container what it asks for"}, Stage::prestart},
    {{"createRuntime", "the same as prestart"}, Stage::create_runtime},
    {{"poststart", "nothing"}, Stage::poststart},
    {{"poststop", "remove what was made in the root file system"}, Stage::poststop},
}};

} // namespace grapnel
