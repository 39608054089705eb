// SPDX-License-Identifier: Apache-2.0
#include "plan/scope.hpp"

#include "plan/mig_names.hpp"

namespace grapnel {

namespace {

CsvScope csv_scope(const Settings& settings, const Request& request) {
    using enum RuntimeMode;
    return {.use = settings.mode == csv      ? CsvScope::Use::always
                   : settings.mode == legacy ? CsvScope::Use::never
                                             : CsvScope::Use::automatic,
            .directory = settings.csv_directory,
            .all_lists = request.all_csv_lists,
            .lists = settings.csv_lists,
            .ignored = settings.csv_ignored};
}

} // namespace

InventoryScope inventory_scope(const Request& request, const Settings& settings) {
    return {.driver = request.driver,
            .driver_capabilities = request.driver_capabilities,
            .named_capabilities = request.named_capabilities,
            .library_search_path = settings.library_search_path,
            .binary_search_path = settings.binary_search_path,
            .config_search_path = settings.config_search_path,
            .ldcache_file = settings.ldcache_file,
            .mig_devices = needs_mig_devices(request),
            .mig_management = request.mig_config || request.mig_monitor || request.management,
            .all_nodes = request.management,
            .imex_channels = request.imex_channels,
            .device_groups = request.device_groups,
            .may_make_imex_channels = !settings.disable_imex_channel_creation,
            .csv = csv_scope(settings, request)};
}

} // namespace grapnel
