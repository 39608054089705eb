// SPDX-License-Identifier: Apache-2.0
// What the kernel does to the constants of programs where net.core.bpf_jit_harden is set, undone.
#pragma once

#include "apply/device_program.hpp"

#include <optional>

namespace grapnel::apply {

/// The program as it was loaded, before the kernel hid its constants; the same where it hid none.
/// Nothing if it cannot be told: a 64-bit constant, say, may have been the address of a map.
[[nodiscard]] std::optional<Code> without_blinding(const Code& shown);

} // namespace grapnel::apply
