// SPDX-License-Identifier: Apache-2.0
// The command line of grapnel cdi, and of nvidia-ctk cdi.
#pragma once

#include "base/path.hpp"
#include "base/result.hpp"
#include "cmdline/parse.hpp"
#include "plan/cdi_spec.hpp"
#include "plan/static_cdi_spec.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grapnel::cdi_command {

inline constexpr std::string_view tool = "grapnel cdi";

/// Words of the command line, unread.
struct Given {
    bool help = false;
    bool live = false;
    bool is_static = false;
    bool no_all_device = false;
    bool json = false;
    bool nodes = false;
    std::vector<std::string> spec_dirs = {};
    std::optional<std::string> output = {};
    std::optional<std::string> format = {};
    std::optional<std::string> mode = {};
    std::optional<std::string> vendor = {};
    std::optional<std::string> device_class = {};
    std::optional<std::string> driver_root = {};
    std::optional<std::string> device_root = {};
    std::optional<std::string> hook_path = {};
    std::optional<std::string> cdi_hook_path = {};
    std::optional<std::string> ldconfig_path = {};
    std::optional<std::string> config = {};
    std::optional<std::string> csv_compat_directory = {};
    std::vector<std::string> csv_lists = {};
    std::vector<std::string> csv_ignored = {};
    std::vector<std::string> naming = {};
    std::vector<std::string> device_ids = {};
    std::vector<std::string> library_search_path = {};
    std::vector<std::string> config_search_path = {};
    std::vector<std::string> disabled_hooks = {};
    std::vector<std::string> enabled_hooks = {};
    std::vector<std::string> feature_flags = {};
};

enum class Format { json, yaml };

/// The file that `generate` writes.
struct Generation {
    std::optional<HostPath> output = {}; ///< nothing: standard output
    Format format = Format::json;
    CdiClass devices = CdiClass::gpu;
    std::vector<CdiNaming> naming = {CdiNaming::index, CdiNaming::uuid};
    std::vector<std::string> device_ids = {}; ///< empty: all devices
    bool no_all_device = false;
    CdiOptions live = {};
    std::optional<StaticCdiOptions> in_nvidias_form = {}; ///< instead of a live file
    bool additional_gids = true;
    bool ipc = true; ///< the sockets of the driver's daemons
    std::optional<HostPath> settings_file = {};
    std::optional<HostPath> driver_root = {};
    std::optional<HostPath> device_root = {};
    std::optional<InsidePath> csv_compat_directory = {};
    bool by_csv_lists = false; ///< on any board
    std::vector<HostPath> csv_lists = {};
    std::vector<std::string> csv_ignored = {};
    std::vector<HostPath> library_search_path = {};
    std::vector<HostPath> config_search_path = {};
};

struct Options {
    enum class Action { help, generate, list, validate, refresh };
    Action action = Action::help;
    Generation generation = {};
    bool json = false;
    bool nodes_alone = false;
    std::vector<HostPath> directories = {}; ///< empty: the engines' directories
    std::vector<HostPath> files = {};       ///< empty: all files in the directories
};

/// The form of a file where no option says it.
enum class Form { live, in_nvidias_form };

[[nodiscard]] cmdline::Grammar grammar_of(Form form);

/// An error is of kind usage.
[[nodiscard]] Result<Options> parse_options(std::span<const std::string> words, Form form);

/// Arguments as paths. An error is of kind usage and begins with the option.
[[nodiscard]] Result<HostPath> path_of(const std::string& word, std::string_view option);
[[nodiscard]] Result<std::vector<HostPath>> paths_of(const std::vector<std::string>& words,
                                                     std::string_view option);

/// The file of these options; `given` are their words by option, for cdi_options_variable. An error
/// is of kind usage.
[[nodiscard]] Result<Generation> generation_of(const Given& given, Form form,
                                               std::vector<std::string> words);

[[nodiscard]] const std::vector<cmdline::Row<Given>>& option_rows();

[[nodiscard]] cmdline::Command command();

} // namespace grapnel::cdi_command
