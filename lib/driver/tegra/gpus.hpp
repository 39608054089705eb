// SPDX-License-Identifier: Apache-2.0
// The GPUs of a Jetson where the nvidia module shows them: from the Thor on the board's own GPU
// is one of the module's, and there can be cards beside it. Private to this module.
#pragma once

#include "driver/inventory.hpp"
#include "driver/nodes.hpp"

namespace grapnel::driver {

/// The board's own, by its name.
[[nodiscard]] bool is_integrated(const Gpu& gpu);

/// Of a Jetson up to the Orin: its GPU has a module of its own, nvgpu.
[[nodiscard]] bool is_served_by_nvgpu(const Gpu& gpu);

/// For a board with cards: each GPU keeps its own nodes, and the control nodes (the nodes of the
/// lists) are reduced to nodes that every GPU needs.
void assign_nodes_to_gpus(const sys::HostFs& host, const Majors& majors, Inventory& inventory);

} // namespace grapnel::driver
