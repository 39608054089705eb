// SPDX-License-Identifier: Apache-2.0
// The files by which podman (and CRI-O) run a hook: oci-hooks(5), version 1.0.0.
#pragma once

#include "engine_config/engine.hpp"

#include <array>

namespace grapnel::engine_config {

struct HookFile {
    std::string_view name = {};
    std::string_view stage = {};
};

/// A file has one list of arguments for all of its stages, and the stage is our argument: so two.
inline constexpr std::array<HookFile, 2> hook_files{
    {{"99-grapnel.json", "prestart"}, {"99-grapnel-poststop.json", "poststop"}}};

/// The file's text. The hook runs for every container: there is no condition on the environment,
/// in which a container asks for its devices.
[[nodiscard]] std::string hook_file(const HookFile& file, std::string_view hook_path);

/// Whether `text` is such a file, of whatever path of the hook.
[[nodiscard]] bool is_hook_file(const HookFile& file, std::string_view text);

/// Whether `text` is a hook's file that runs NVIDIA's hook, by the name of its program: with such a
/// file beside ours both work on each container.
[[nodiscard]] bool runs_nvidias_hook(std::string_view text);

} // namespace grapnel::engine_config
