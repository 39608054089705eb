// SPDX-License-Identifier: Apache-2.0
// Undoes constant blinding, the kernel's JIT hardening (net.core.bpf_jit_harden).
#pragma once

#include "devices/device_program.hpp"

#include <cstdint>
#include <optional>

namespace grapnel::devices {

/// The register that the kernel keeps for itself; no program can name it.
inline constexpr std::uint8_t blinding_register = 11;

/// The program as it was loaded, before constant blinding; the same if it is not blinded. Nothing
/// if it cannot be restored: a 64-bit constant, say, may have been the address of a map.
[[nodiscard]] std::optional<Code> without_blinding(const Code& shown);

} // namespace grapnel::devices
