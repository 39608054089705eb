// SPDX-License-Identifier: Apache-2.0
// The parts of a plan, each in a file of its own. Private to this module.
#pragma once

#include "plan/plan.hpp"

namespace grapnel::plan {

/// The node with its rule. An optional node that is not there is left out; any other that is
/// missing or wrong is refused.
[[nodiscard]] Status add_device(Plan& plan, const Node& node);

/// Refuses a GPU by name if the nvidia driver has no GPU: the error names the driver that it is
/// bound to.
[[nodiscard]] Status refuse_gpus_of_others(const Request& request, const Inventory& inventory);

[[nodiscard]] Status add_files(Plan& plan, const Request& request, const Inventory& inventory,
                               const ImageLayout& image);

/// After the files: only where libcuda is among them.
void add_compat(Plan& plan, const Request& request, const ImageLayout& image, Platform platform);
/// The nodes by which a program draws with the GPU, and the links that name them by its address.
[[nodiscard]] Status add_drm_nodes(Plan& plan, const Gpu& gpu);

/// Files of the loaders, modules of the X server, the application profile. After the GPUs.
[[nodiscard]] Status add_graphics(Plan& plan, const Inventory& inventory);

/// The MIG devices that select_gpus() left with the GPUs, and the rights to make and to watch.
[[nodiscard]] Status add_mig(Plan& plan, const Request& request, const Inventory& inventory,
                             const std::vector<Gpu>& selected);
/// The files of MIG in /proc.
void add_mig_to_view(Plan& plan, View& view, const Request& request);

/// IMEX channels and device groups.
[[nodiscard]] Status add_special_devices(Plan& plan, const Inventory& inventory);
/// Everything, for a driver with pass-through paths: the one device under the name 0 (and below WSL
/// under every UUID), or the GPUs that the nvidia module shows; and all files, whatever the driver
/// capabilities are.
[[nodiscard]] Status add_same_places(Plan& plan, const Request& request, const Inventory& inventory,
                                     const ImageLayout& image);

/// After the GPUs.
void add_proc_view(Plan& plan, const Request& request, const Inventory& inventory);

} // namespace grapnel::plan
