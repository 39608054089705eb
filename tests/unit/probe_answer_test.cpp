// SPDX-License-Identifier: Apache-2.0
// The driver's word by grapnel-probe, the key that it is kept under, and arch by PCI ID.
#include "driver/account.hpp"
#include "driver/compute_capability.hpp"
#include "driver/inventory.hpp"
#include "driver/probe_answer.hpp"
#include "support/memory_host.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using namespace grapnel::test;

constexpr auto whole = "grapnel-probe 1\n"
                       "driver\t580.159.04\n"
                       "cuda\t13.0\n"
                       "gpu\t0000:00:06.0\tuuid\tGPU-6df8bb41-bcfb-e198-a6df-649e812d9633\n"
                       "gpu\t0000:00:06.0\tminor\t0\n"
                       "gpu\t0000:00:06.0\tbrand\tNvidia\n"
                       "gpu\t0000:00:06.0\tarch\t9.0\n"
                       "gpu\t0000:00:06.0\tmig\t1\n"
                       "gpu\t10000:0a:00.0\tbrand\tGeForceRTX\n"
                       "mig\t0000:00:06.0\t3\t2\t1\tMIG-11111111-bcfb-e198-a6df-649e812d9633\n";

Inventory two_gpus() {
    return {.driver_version = "580.159.04",
            .gpus = {{.pci = "0000:00:06.0"}, {.pci = "10000:0a:00.0"}}};
}

MemoryHost& host_of_two(MemoryHost& host) {
    host.file("/proc/sys/kernel/random/boot_id", "01234567-89ab\n");
    host.link("/sys/bus/pci/drivers/nvidia/0000:00:06.0", "somewhere");
    host.link("/sys/bus/pci/drivers/nvidia/10000:0a:00.0", "somewhere");
    return host;
}

} // namespace

TEST_CASE("an answer is read whole") {
    const auto answer = parse_probe_answer(whole);
    REQUIRE(answer);
    CHECK(answer->driver_version == "580.159.04");
    CHECK(answer->cuda_version == "13.0");
    REQUIRE(answer->gpus.size() == 2);
    CHECK(answer->gpus[0]
          == ProbedGpu{.pci = "0000:00:06.0",
                       .uuid = "GPU-6df8bb41-bcfb-e198-a6df-649e812d9633",
                       .minor = 0,
                       .brand = "Nvidia",
                       .arch = "9.0",
                       .mig_mode = true});
    CHECK(answer->gpus[1] == ProbedGpu{.pci = "10000:0a:00.0", .brand = "GeForceRTX"});
    REQUIRE(answer->migs.size() == 1);
    CHECK(answer->migs[0]
          == ProbedMig{.pci = "0000:00:06.0",
                       .index = 3,
                       .gpu_instance = 2,
                       .compute_instance = 1,
                       .uuid = "MIG-11111111-bcfb-e198-a6df-649e812d9633"});
    CHECK(to_text(*answer) == whole);
    CHECK(parse_probe_answer("grapnel-probe 1\n"));
}

TEST_CASE("a malformed answer is refused") {
    const std::string head = "grapnel-probe 1\n";
    for (const auto* const text :
         {"", "grapnel-probe 1", "grapnel-probe 2\n", " grapnel-probe 1\n", "grapnel-probe 1\r\n"})
        CHECK_MESSAGE(!parse_probe_answer(text), text);
    for (const auto* const line :
         {"driver\t580\ndriver\t580\n",
          "driver\n",
          "driver\t\n",
          "driver\t580",
          "cuda\t13.x\n",
          "odd\tline\n",
          "\n",
          "gpu\t0000:00:06.0\tbrand\n",
          "gpu\t0000:00:06.0\tbrand\tA B\n",
          "gpu\t0000:00:06.0\tbrand\tA\tB\n",
          "gpu\t0000:00:06.0\tbrand\tA\x1b[31m\n",
          "gpu\t0000:00:06.0\tbrand\tA\ngpu\t0000:00:06.0\tbrand\tB\n",
          "gpu\t../../x\tbrand\tA\n",
          "gpu\t0000:00:06.A\tbrand\tA\n",
          "gpu\t00:06.0\tbrand\tA\n",
          "gpu\t0000:00:0G.0\tbrand\tA\n",
          "gpu\t0000:00:06.0\tarch\t9.0a\n",
          "gpu\t0000:00:06.0\tarch\t\n",
          "gpu\t0000:00:06.0\tminor\t-1\n",
          "gpu\t0000:00:06.0\tminor\t4294967296\n",
          "gpu\t0000:00:06.0\tminor\t1\ngpu\t0000:00:06.0\tminor\t1\n",
          "gpu\t0000:00:06.0\tmig\t2\n",
          "gpu\t0000:00:06.0\tuuid\tMIG-1\n",
          "gpu\t0000:00:06.0\tuuid\tGPU-../x\n",
          "gpu\t0000:00:06.0\tname\tH200\n",
          "mig\t0000:00:06.0\t0\t1\t0\tGPU-1\n",
          "mig\t0000:00:06.0\t0\t1\tMIG-1\n",
          "mig\t0000:00:06.0\t0\t1\tx\tMIG-1\n",
          "mig\t0000:00:06.0\t0\t1\t0\tMIG-1\nmig\t0000:00:06.0\t0\t2\t0\tMIG-2\n",
          "mig\t0000:00:06.0\t0\t1\t0\tMIG-1\nmig\t0000:00:06.0\t1\t1\t0\tMIG-2\n"})
        CHECK_MESSAGE(!parse_probe_answer(head + line), line);
    CHECK(
        !parse_probe_answer(head + "gpu\t0000:00:06.0\tuuid\tGPU-" + std::string(100, '1') + "\n"));
    std::string flood = head;
    while (flood.size() <= probe_answer_limit)
        flood += "gpu\t0000:00:06.0\tbrand\tA\n";
    CHECK(contains(error_of(parse_probe_answer(flood)), "longer than 64 KiB"));
    CHECK(!contains(error_of(parse_probe_answer(head + "\x1b[31m\n")), "\x1b"));
}

TEST_CASE("an answer fills in unknown facts alone") {
    auto inventory = two_gpus();
    inventory.gpus[0].arch = "8.0";
    add_answer(inventory, *parse_probe_answer(whole));
    CHECK(inventory.gpus[0].arch == "8.0");
    CHECK(inventory.gpus[0].brand == "Nvidia");
    CHECK(!inventory.gpus[1].arch);
    CHECK(inventory.gpus[1].brand == "GeForceRTX");
}

TEST_CASE("a complete answer covers each healthy GPU") {
    const auto answer = *parse_probe_answer(whole);
    auto inventory = two_gpus();
    CHECK(!is_complete(answer, inventory));
    inventory.gpus[1].fault = "sick";
    CHECK(is_complete(answer, inventory));
    inventory.gpus.push_back({.pci = "0000:99:00.0"});
    CHECK(!is_complete(answer, inventory));
}

TEST_CASE("a kept answer holds while facts hold") {
    MemoryHost host;
    host_of_two(host);
    auto inventory = two_gpus();
    const auto answer = *parse_probe_answer(whole);
    const auto key = probe_key(host, inventory);
    REQUIRE(key);
    const auto file = kept_answer(*key, answer);
    CHECK(parse_kept_answer(file, *probe_key(host, inventory)) == answer);

    SUBCASE("another start of the machine") {
        host.file("/proc/sys/kernel/random/boot_id", "01234567-89ac\n");
    }
    SUBCASE("another driver") {
        inventory.driver_version = "580.159.05";
    }
    SUBCASE("bound anew") {
        host.link("/sys/bus/pci/drivers/nvidia/10000:0a:00.0", "somewhere");
    }
    SUBCASE("a GPU less") {
        inventory.gpus.pop_back();
    }
    SUBCASE("a MIG instance more") {
        host.file("/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access", "");
    }
    CHECK(!parse_kept_answer(file, *probe_key(host, inventory)));
}

TEST_CASE("a remade MIG instance is another") {
    MemoryHost host;
    host_of_two(host);
    const auto* const instance = "/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0";
    host.directory(instance);
    const auto first = probe_key(host, two_gpus());
    CHECK(first == probe_key(host, two_gpus()));
    host.remove(instance);
    host.directory(instance);
    CHECK(first != probe_key(host, two_gpus()));
}

TEST_CASE("without the kernel's facts nothing is kept") {
    MemoryHost host;
    host_of_two(host);
    SUBCASE("no boot_id") {
        host.remove("/proc/sys/kernel/random/boot_id");
    }
    SUBCASE("a GPU of which the driver's binding is not shown") {
        host.remove("/sys/bus/pci/drivers/nvidia/10000:0a:00.0");
    }
    CHECK(!probe_key(host, two_gpus()));
}

TEST_CASE("a kept answer that is damaged is none") {
    const auto file = kept_answer("key\n", *parse_probe_answer(whole));
    CHECK(parse_kept_answer(file, "key\n"));
    CHECK(!parse_kept_answer("", "key\n"));
    CHECK(!parse_kept_answer(file.substr(0, file.size() - 1), "key\n"));
    CHECK(!parse_kept_answer(file + "x", "key\n"));
    CHECK(!parse_kept_answer(file.substr(1), "key\n"));
}

TEST_CASE("the PCI ID gives the compute capability") {
    using driver::compute_capability;
    const std::pair<std::uint32_t, const char*> chips[] = {
        {0x1023, "3.5"},  {0x102d, "3.7"}, {0x13ba, "5.0"}, {0x17fd, "5.2"}, {0x15f8, "6.0"},
        {0x1b38, "6.1"},  {0x1db6, "7.0"}, {0x1eb8, "7.5"}, {0x20b2, "8.0"}, {0x2236, "8.6"},
        {0x26b5, "8.9"},  {0x2330, "9.0"}, {0x2335, "9.0"}, {0x2342, "9.0"}, {0x2901, "10.0"},
        {0x3182, "10.3"}, {0x2b85, "12.0"}};
    for (const auto& chip : chips)
        CHECK_MESSAGE(compute_capability(chip.first) == std::optional<std::string>(chip.second),
                      chip.first);
    for (const std::uint32_t id : {0x0000U, 0x0f00U, 0x1140U, 0x2380U, 0x2e12U, 0xffffU})
        CHECK_MESSAGE(!compute_capability(id), id);
}

TEST_CASE("the device's file has the PCI ID") {
    MemoryHost host;
    const std::string pci = "0000:00:06.0";
    const auto device = "/sys/bus/pci/devices/" + pci + "/device";
    using driver::compute_capability;
    CHECK(!compute_capability(host, pci));
    host.file(device, "0x2335\n");
    CHECK(compute_capability(host, pci) == "9.0");
    for (const auto* const odd : {"2335\n", "0x\n", "", "0x2335 0x2335\n", "0x12345678901\n"}) {
        host.file(device, odd);
        CHECK_MESSAGE(!compute_capability(host, pci), odd);
    }
}

TEST_CASE("users are found by name and number") {
    MemoryHost host;
    host.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nodd\nwww:x:33:34:w:/:/bin/sh\n"
                             "huge:x:4294967295:1::/:\n");
    host.file("/etc/group", "root:x:0:\nvideo:x:44:www\n");
    const std::pair<const char*, Account> good[] = {
        {"", {65534, 65534}},        {"www", {33, 34}},      {"33", {33, 34}},
        {"33:video", {33, 44}},      {"99", {99, 65534}},    {"99:98", {99, 98}},
        {"root:video", {65534, 44}}, {"www:0", {33, 65534}}, {"root", {65534, 65534}}};
    for (const auto& row : good) {
        const auto found = find_account(host, row.first);
        CHECK_MESSAGE((found && *found == row.second), row.first);
    }
    for (const auto* const text : {"nobody", "www:nobody", ":video", "www:", ":", "-1", "huge",
                                   "4294967295", "99:4294967295", "4294967296", "99:98:97"})
        CHECK_MESSAGE(!find_account(host, text), text);
    const MemoryHost empty;
    CHECK(find_account(empty, "1:2"));
    CHECK(!find_account(empty, "root"));
}
