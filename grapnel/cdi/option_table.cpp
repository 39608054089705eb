// SPDX-License-Identifier: Apache-2.0
#include "cdi/options.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace grapnel::cdi_command {

using namespace cmdline;

namespace {

using Rows = std::vector<Row<Given>>;

Rows static_rows() {
    using enum Value;
    return {
        {{"driver-root", '\0', needed, "DIR", "static: the root of the driver's files",
          directories},
         set<&Given::driver_root>},
        {{"dev-root", '\0', needed, "DIR", "static: the root of the device nodes", directories},
         set<&Given::device_root>},
        {{"library-search-path", '\0', needed, "DIR",
          "static: searched for libraries first; can be repeated", directories},
         append<&Given::library_search_path>},
        {{"config-search-path", '\0', needed, "DIR",
          "static: searched for files of loaders first; can be repeated", directories},
         append<&Given::config_search_path>},
        {{"nvidia-cdi-hook-path", '\0', needed, "PATH",
          "static: the hook (grapnel-hook beside this program)", files},
         set<&Given::cdi_hook_path>},
        {{"nvidia-ctk-path", '\0', needed}, set<&Given::cdi_hook_path>},
        {{"ldconfig-path", '\0', needed, "FILE", "static: the host's ldconfig", files},
         set<&Given::ldconfig_path>},
        {{"config", '\0', needed, "FILE", "static: the settings file", files}, set<&Given::config>},
        {{"csv.compat-container-root", '\0', needed, "DIR",
          "static, Jetson: the image's directory of compat libraries"},
         set<&Given::csv_compat_directory>},
        {{"csv.file", '\0', needed, "FILE",
          "static, Jetson: a list of the driver's files, instead of the settings'; can be repeated",
          files},
         append<&Given::csv_lists>},
        {{"csv.ignore-pattern", '\0', needed, "PATTERN",
          "static, Jetson: without the lists' links of this name; can be repeated"},
         append<&Given::csv_ignored>},
        {{"disable-hook", '\0', needed, "HOOK", "static: without this hook; can be repeated"},
         append<&Given::disabled_hooks>},
        {{"disable-hooks", '\0', needed}, append<&Given::disabled_hooks>},
        {{"enable-hook", '\0', needed, "HOOK",
          "static: this hook in spite of --disable-hook; can be repeated"},
         append<&Given::enabled_hooks>},
        {{"enable-hooks", '\0', needed}, append<&Given::enabled_hooks>},
        {{"feature-flag", '\0', needed, "FLAG",
          "static: no-additional-gids-for-device-nodes, disable-ipc-discoverer; can be repeated",
          words("no-additional-gids-for-device-nodes disable-ipc-discoverer")},
         append<&Given::feature_flags>},
        {{"feature-flags", '\0', needed}, append<&Given::feature_flags>},
    };
}

Rows file_rows() {
    using enum Value;
    return {
        {{"spec-dir", '\0', needed, "DIR",
          "list, validate, refresh: files of this directory; can be repeated", directories},
         append<&Given::spec_dirs>},
        {{"json", '\0', none, "", "list, validate: print JSON: see grapnel-json(5)"},
         set_flag<&Given::json>},
        {{"nodes", '\0', none, "", "refresh: the device nodes alone"}, set_flag<&Given::nodes>},
    };
}

Rows common_rows() {
    using enum Value;
    return {
        {{"output", '\0', needed, "FILE", "write this file, instead of standard output", files},
         set<&Given::output>},
        {{"format", '\0', needed, "FORMAT", "json or yaml; without it, as FILE ends",
          words("json yaml")},
         set<&Given::format>},
        {{"mode", '\0', needed, "MODE",
          "the devices: gpu, or management, gds, mofed, gdrcopy, nvswitch, imex",
          words("auto gpu management gds mofed gdrcopy nvswitch imex")},
         set<&Given::mode>},
        {{"discovery-mode", '\0', needed}, set<&Given::mode>},
        {{"device-name-strategy", '\0', needed, "STRATEGY",
          "index, uuid or type-index; several times for several names (index and uuid)",
          words("index uuid type-index")},
         append<&Given::naming>},
        {{"vendor", '\0', needed, "VENDOR", "of the kind, instead of nvidia.com"},
         set<&Given::vendor>},
        {{"cdi-vendor", '\0', needed}, set<&Given::vendor>},
        {{"class", '\0', needed, "CLASS", "of the kind, instead of gpu"},
         set<&Given::device_class>},
        {{"cdi-class", '\0', needed}, set<&Given::device_class>},
        {{"device-id", '\0', needed, "DEVICE", "this device alone; can be repeated"},
         append<&Given::device_ids>},
        {{"device-ids", '\0', needed}, append<&Given::device_ids>},
        {{"device", '\0', needed}, append<&Given::device_ids>},
        {{"devices", '\0', needed}, append<&Given::device_ids>},
        {{"no-all-device", '\0', none, "", "without the device 'all'"},
         set_flag<&Given::no_all_device>},
        {{"live", '\0', none, "", "names and a hook alone: the default"}, set_flag<&Given::live>},
        {{"hook-path", '\0', needed, "PATH", "live: the hook (grapnel-hook beside this program)",
          files},
         set<&Given::hook_path>},
        {{"static", '\0', none, "", "every file by its path, in the form of nvidia-ctk"},
         set_flag<&Given::is_static>},
    };
}

} // namespace

const Rows& option_rows() {
    static const auto rows = [] {
        auto all = common_rows();
        std::ranges::copy(static_rows(), std::back_inserter(all));
        std::ranges::copy(file_rows(), std::back_inserter(all));
        all.push_back(
            {{"help", 'h', Value::none, "", "print this", {}, true}, set_flag<&Given::help>});
        return all;
    }();
    return rows;
}

Command command() {
    return {
        .name = "cdi",
        .help = "write and check files for engines that know the Container Device Interface",
        .synopsis = "grapnel cdi COMMAND [OPTION]... [FILE]...",
        .about =
            "A CDI file has the names of this host's GPUs. The driver is found when a container\n"
            "starts, so the file stays right after an update of the driver.\n",
        .operand = "commands",
        .words = {{"generate", "print a file, or write it with --output"},
                  {"list", "print the devices of all files"},
                  {"validate", "print why a file is stale or malformed"},
                  {"refresh", "make device nodes, and write files of 'generate' again"}},
        .options = options_of(option_rows()),
    };
}

} // namespace grapnel::cdi_command
