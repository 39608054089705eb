// SPDX-License-Identifier: Apache-2.0
#include "provision/confinement.hpp"

#include "sys/denied_call.hpp"
#include "sys/limits.hpp"
#include "sys/phase.hpp"
#include "sys/seccomp.hpp"

namespace grapnel {

Result<ModuleLoader> confine(const char* program, Modules modules) {
    auto loader = modules == Modules::can_be_loaded ? ModuleLoader::prepare() : ModuleLoader();
    sys::limit_resources();
    GRAPNEL_TRY(sys::confine_capabilities());
    sys::end_on_denied_calls(program);
    GRAPNEL_TRY(sys::filter_host());
    return loader;
}

} // namespace grapnel
