// SPDX-License-Identifier: Apache-2.0
// The inventory as bytes: whole or refused, whatever the bytes are.
#include "driver/serialized_inventory.hpp"
#include "support/outcome.hpp"

#include <cerrno>
#include <doctest/doctest.h>
#include <limits>

namespace {

using namespace grapnel;
using namespace grapnel::test;

Node node(const char* path) {
    return {.path = host_path(path),
            .expected = DeviceNumber{195, 255},
            .found = DeviceNumber{195, 255},
            .attributes = {.mode = 0660, .user = 1, .group = 44},
            .needed_by = {DriverCapability::graphics, DriverCapability::video},
            .optional = true,
            .cure = "load it",
            .described_by = host_path("/proc/driver/nvidia/capabilities/mig/config"),
            .creation = NodeAttributes{.mode = 0400}};
}

Gpu gpu() {
    return {.index = 0,
            .uuid = "GPU-0",
            .pci = "0000:00:06.0",
            .model = "NVIDIA \xc3\xa4",
            .fault = "sick",
            .minor = 3,
            .node = node("/dev/nvidia3"),
            .more_nodes = {node("/dev/nvhost-gpu")},
            .arch = "9.0",
            .brand = "Tesla",
            .drm_nodes = {node("/dev/dri/card0")},
            .mig_devices = {{.gpu_instance = 2, .compute_instance = 1, .uuid = "MIG-0"}}};
}

/// With a value in each member.
Inventory whole() {
    Inventory out;
    out.driver_version = "580.65.06";
    out.cuda_version = "13.0";
    out.gpus = {gpu()};
    out.gpus_of_others = {"0000:01:00.0 (vfio-pci)"};
    out.known_gpus = {{.pci = "0000:00:06.0", .binding = 1ULL << 63U, .minor = 3, .uuid = "GPU-0"}};
    out.known_directories = {{.version = "580.65.06",
                              .id = {.device = 7, .inode = 8},
                              .changed_ns = std::numeric_limits<std::int64_t>::min(),
                              .names = {"libcuda.so.1", ""}}};
    out.control_nodes = {node("/dev/nvidiactl")};
    out.libraries = {{.path = host_path("/usr/lib/liba.so.1"),
                      .soname = "liba.so.1",
                      .is_32bit = true,
                      .subdirectory = "vdpau",
                      .plain_link = true}};
    out.binaries = {
        {.path = host_path("/usr/bin/a"), .name = "a", .loader = "/lib64/ld-linux-x86-64.so.2"}};
    out.firmware = {host_path("/lib/firmware/nvidia/580.65.06/gsp_ga10x.bin")};
    out.config_files = {{.path = host_path("/etc/a"), .inside = inside_path("/b"), .text = "{\n}"}};
    out.x_server_modules = {host_path("/usr/lib/xorg/a.so")};
    out.sockets = {host_path("/run/nvidia-persistenced/socket")};
    out.socket_directories = {host_path("/tmp/nvidia-mps")};
    out.proc_files = {{.name = "params", .text = std::string("A: 1\n\0", 6)}};
    out.management_library = host_path("/usr/lib/libnvidia-ml.so.580.65.06");
    out.probe_fault = "no answer";
    out.mig_management = {.has_proc_files = true,
                          .has_nodes = true,
                          .config = node("/dev/nvidia-caps/nvidia-cap1"),
                          .monitor = node("/dev/nvidia-caps/nvidia-cap2"),
                          .nodes = {node("/dev/nvidia-caps/nvidia-cap3")},
                          .gpus = {{1, {{235, 1}}}, {4, {}}}};
    out.other_nodes = {node("/dev/nvidia-vgpu")};
    out.imex_channels = {node("/dev/nvidia-caps-imex-channels/channel0")};
    out.group_devices = {.nodes = {node("/dev/gdrdrv")},
                         .files = {host_path("/etc/cufile.json")},
                         .directories = {host_path("/run/udev")}};
    out.pass_through = {.platform = "a board",
                        .one_gpu = "it has one GPU",
                        .any_uuid = true,
                        .forward_compat = true,
                        .csv_compat = true};
    out.same_places = {
        {.kind = SamePlace::Kind::link, .path = host_path("/usr/lib/l"), .target = "a"}};
    out.same_place_libraries = {host_path("/usr/lib")};
    out.notices.warn("a warning");
    return out;
}

ObservedInventory observed(const Inventory& inventory) {
    return {.inventory = inventory,
            .observations = driver::Observations{{.kind = driver::Observation::Kind::names,
                                                  .path = host_path("/proc/a"),
                                                  .answer = "=b/"}}};
}

Error error() {
    return {.kind = Error::Kind::system,
            .what = "open 'a'",
            .sys = ENOENT,
            .cure = "make it",
            .notes = {"inner", "outer"},
            .subject = Error::Subject::driver};
}

/// The header, and the byte that says that an inventory follows.
constexpr std::size_t begin_of_fields = 21;

/// Each byte decides something: other bytes are refused, or are the one form of another value.
void expect_one_form(const std::string& bytes) {
    const auto read = parse_serialized_inventory(bytes);
    CHECK_MESSAGE((serialize(read) == bytes || contains(error_of(read), "not of the form")),
                  error_of(read));
}

} // namespace

TEST_CASE("an inventory comes back as it was") {
    for (const auto& one :
         {observed(whole()), ObservedInventory{.inventory = whole()}, ObservedInventory()}) {
        const auto read = parse_serialized_inventory(serialize(one));
        REQUIRE(read);
        CHECK(*read == one);
    }
}

TEST_CASE("an error comes back with all its parts") {
    const auto read = parse_serialized_inventory(serialize(error()));
    REQUIRE(!read);
    CHECK(read.error().text() == error().text());
    CHECK(read.error().kind == error().kind);
    CHECK(read.error().subject == error().subject);
}

TEST_CASE("the form does not depend on addresses") {
    CHECK(serialize(observed(whole())) == serialize(observed(whole())));
    CHECK(serialize(ObservedInventory()).starts_with("grapnel inventory 4\n\1"));
}

TEST_CASE("a cut inventory or error is refused") {
    for (const auto& bytes : {serialize(observed(whole())), serialize(error())}) {
        for (std::size_t size = 0; size < bytes.size(); ++size)
            CHECK(contains(error_of(parse_serialized_inventory(bytes.substr(0, size))),
                           "not of the form"));
        CHECK(contains(error_of(parse_serialized_inventory(bytes + '\0')), "not of the form"));
    }
}

TEST_CASE("a changed byte is refused or another value") {
    for (const auto& bytes : {serialize(observed(whole())), serialize(error())})
        for (std::size_t i = 0; i < bytes.size(); ++i)
            for (const char change : {'\x01', '\x02', '\x04', '\x10', '\x40', '\x80', '\xff'}) {
                auto changed = bytes;
                changed[i] = static_cast<char>(changed[i] ^ change);
                expect_one_form(changed);
            }
}

TEST_CASE("a count that nothing follows takes no memory") {
    auto bytes = serialize(ObservedInventory());
    for (std::size_t i = begin_of_fields; i + 8 <= bytes.size(); ++i) {
        auto changed = bytes;
        changed.replace(i, 8, 8, '\x7f');
        expect_one_form(changed);
    }
}

TEST_CASE("an inventory that breaks rules is refused") {
    const auto refuses = [](const auto& change) {
        auto inventory = whole();
        change(inventory);
        return contains(error_of(parse_serialized_inventory(serialize(observed(inventory)))),
                        "not of the form");
    };
    CHECK(refuses([](Inventory& one) { one.gpus[0].index = 1; }));
    CHECK(refuses([](Inventory& one) { one.gpus.push_back(gpu()); }));
    CHECK(refuses([](Inventory& one) { one.gpus[0].mig_devices[0].index = 1; }));
    CHECK(refuses([](Inventory& one) { one.driver_version = "../../etc"; }));
    CHECK(refuses([](Inventory& one) { one.libraries[0].subdirectory = "../a"; }));
    CHECK(refuses([](Inventory& one) { one.libraries[0].soname = "a/b"; }));
    CHECK(refuses([](Inventory& one) { one.binaries[0].name = ".."; }));
    CHECK(refuses([](Inventory& one) { one.mig_management.nodes[0].found = std::nullopt; }));
    CHECK(refuses(
        [](Inventory& one) { one.libraries.push_back({.path = host_path("/usr/lib/a")}); }));
    CHECK(refuses([](Inventory& one) { one.proc_files[0].text.resize(17U << 20U); }));
}

TEST_CASE("a relative path is refused") {
    auto bytes = serialize(observed(whole()));
    for (const std::string_view path : {"/dev/nvidiactl", "/usr/lib/liba.so.1", "/etc/a"}) {
        for (const char other : {'.', 'x', '\0'}) {
            auto changed = bytes;
            changed[changed.find(path)] = other;
            CHECK(contains(error_of(parse_serialized_inventory(changed)), "not of the form"));
        }
    }
}

TEST_CASE("equal scopes have equal bytes") {
    const auto bytes = serialize(InventoryScope(), false);
    const auto differs = [&](const auto& change) {
        InventoryScope scope;
        change(scope);
        return serialize(scope, false) != bytes;
    };
    CHECK(serialize(InventoryScope(), true) != bytes);
    CHECK(differs([](InventoryScope& one) { one.driver = false; }));
    CHECK(
        differs([](InventoryScope& one) { one.driver_capabilities = {DriverCapability::video}; }));
    CHECK(differs([](InventoryScope& one) { one.named_capabilities = {DriverCapability::video}; }));
    CHECK(differs([](InventoryScope& one) { one.cuda_version = true; }));
    CHECK(differs([](InventoryScope& one) { one.arch = true; }));
    CHECK(differs([](InventoryScope& one) { one.library_search_path = {host_path("/a")}; }));
    CHECK(differs([](InventoryScope& one) { one.binary_search_path = {host_path("/a")}; }));
    CHECK(differs([](InventoryScope& one) { one.config_search_path = {host_path("/a")}; }));
    CHECK(differs([](InventoryScope& one) { one.ldcache_file = host_path("/a"); }));
    CHECK(differs([](InventoryScope& one) { one.mig_devices = true; }));
    CHECK(differs([](InventoryScope& one) { one.mig_management = true; }));
    CHECK(differs([](InventoryScope& one) { one.all_nodes = true; }));
    CHECK(differs([](InventoryScope& one) { one.imex_channels = {.listed = {1}}; }));
    CHECK(differs([](InventoryScope& one) { one.device_groups = {DeviceGroup::gds}; }));
    CHECK(differs([](InventoryScope& one) { one.may_make_imex_channels = false; }));
    CHECK(differs([](InventoryScope& one) { one.csv.all_lists = true; }));
    CHECK(differs([](InventoryScope& one) { one.csv.directory = host_path("/a"); }));
    CHECK(differs([](InventoryScope& one) { one.csv.lists = {host_path("/a")}; }));
    CHECK(differs([](InventoryScope& one) { one.csv.ignored = {"a"}; }));
    CHECK(differs([](InventoryScope& one) { one.csv.use = CsvScope::Use::never; }));
    CHECK(!differs([](InventoryScope& one) { one.known_gpus = {{}}; }));
    CHECK(!differs([](InventoryScope& one) { one.known_directories = {{}}; }));
    CHECK(!differs([](InventoryScope& one) { one.unchanged_since_ns = 1; }));
    CHECK(!differs([](InventoryScope& one) { one.readable.read = {host_path("/a")}; }));
}
