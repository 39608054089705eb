// SPDX-License-Identifier: Apache-2.0
// The driver's library asked for what the kernel does not tell, by grapnel-probe.
#pragma once

#include "inventory/inventory.hpp"
#include "provision/log.hpp"
#include "settings/settings.hpp"

namespace grapnel {

/// Fills in what the library says of the inventory's GPUs, or says in its probe_fault why it does
/// not. An answer of an earlier run serves as long as the kernel's facts are the same; `keep`
/// writes a new one down. To be called before a filter narrower than sys::filter_host().
enum class Keep { yes, no };
void ask_probe(Inventory& inventory, const Settings& settings, Keep keep, const Log& log);

} // namespace grapnel
