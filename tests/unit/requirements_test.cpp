// SPDX-License-Identifier: Apache-2.0
// Requirements on the GPUs of a host, and when the driver's library has to be asked.
#include "plan/requirements.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;
using Devices = Request::Devices;

Request request(std::vector<const char*> requirements, Devices devices = Devices::all) {
    Request out{.devices = devices};
    for (const auto* const text : requirements) {
        auto parsed = parse_requirement(text);
        REQUIRE(parsed);
        out.requirements.push_back(std::move(*parsed));
    }
    return out;
}

/// Driver 550.54.14 with CUDA 12.4 and two GPUs.
Inventory host(std::optional<std::string> arch, std::optional<std::string> brand) {
    return {.driver_version = "550.54.14",
            .cuda_version = "12.4",
            .gpus = {{.index = 0, .pci = "0000:01:00.0", .arch = arch, .brand = brand},
                     {.index = 1, .pci = "0000:02:00.0", .arch = arch, .brand = brand}}};
}

constexpr auto by_image = "cuda>=12.8 brand=unknown,driver>=535,driver<536 brand=tesla,driver>=550";

} // namespace

TEST_CASE("the branch decides without a GPU") {
    const DriverBranch new_enough{.driver_version = "580.1", .cuda_version = "13.0"};
    const DriverBranch too_old{.driver_version = "550.54.14", .cuda_version = "12.4"};
    const DriverBranch unknown{.driver_version = "999.1"};
    CHECK(!may_need_probe(request({by_image}), new_enough));
    CHECK(may_need_probe(request({by_image}), too_old));
    CHECK(may_need_probe(request({by_image}), unknown));
    CHECK(!may_need_probe(request({by_image}, Devices::none), too_old));
    CHECK(!may_need_probe(request({"cuda>=12.8"}), unknown));
    CHECK(!may_need_probe(request({}), unknown));
    CHECK(may_need_probe(request({"arch>=7.0"}), new_enough));
    CHECK(names_gpu(request({"cuda>=1", "arch>=7.0"})));
    CHECK(!names_gpu(request({"cuda>=1 driver>=2"})));
}

TEST_CASE("the probe is asked for deciding facts alone") {
    CHECK(needs_probe(request({by_image}), host("9.0", std::nullopt)));
    CHECK(!needs_probe(request({by_image}), host("9.0", "Tesla")));
    CHECK(!needs_probe(request({"arch>=7.0"}), host("9.0", std::nullopt)));
    CHECK(needs_probe(request({"arch>=7.0"}), host(std::nullopt, std::nullopt)));
    CHECK(!needs_probe(request({"brand=tesla", "cuda>=99"}), host("9.0", std::nullopt)));
    CHECK(!needs_probe(request({"brand=tesla"}, Devices::none), host("9.0", std::nullopt)));
    auto chosen = request({"brand=tesla"}, Devices::listed);
    auto one_known = host("9.0", std::nullopt);
    one_known.gpus[1].brand = "Tesla";
    chosen.listed = gpu_names({"1"});
    CHECK(!needs_probe(chosen, one_known));
    chosen.listed = gpu_names({"0"});
    CHECK(needs_probe(chosen, one_known));
    chosen.listed = gpu_names({"7"});
    CHECK(!needs_probe(chosen, one_known));
    auto no_cuda = host("9.0", "Tesla");
    no_cuda.cuda_version.reset();
    CHECK(!needs_probe(request({"cuda>=12.8,brand=tesla"}), no_cuda));
}

TEST_CASE("every chosen GPU has to meet every requirement") {
    auto mixed = host("9.0", "Tesla");
    mixed.gpus[1].arch = "7.5";
    const auto asked = request({"arch>=7.0", "arch>=8.0"});
    const auto both = check_requirements(asked, mixed, mixed.gpus);
    CHECK(contains(error_of(both), "requirement 'arch>=8.0' is not met by GPU 1 (0000:02:00.0)"));
    CHECK(contains(error_of(both), "the GPU is of arch 7.5"));
    CHECK(check_requirements(asked, mixed, {mixed.gpus[0]}));
    CHECK(check_requirements(asked, mixed, {}));
}

TEST_CASE("unmet comes before undecided") {
    const auto unknown = host(std::nullopt, std::nullopt);
    const auto asked = request({"brand=tesla", "cuda>=99"});
    CHECK(contains(error_of(check_requirements(asked, unknown, unknown.gpus)),
                   "requirement 'cuda>=99' is not met: "));
}

TEST_CASE("a missing probe's reason is said if deciding") {
    auto unknown = host("9.0", std::nullopt);
    unknown.probe_fault = "it was tired";
    const auto text = error_of(check_requirements(request({"brand=tesla"}), unknown, unknown.gpus));
    CHECK(contains(text, "cannot be decided for GPU 0 (0000:01:00.0)"));
    CHECK(contains(text, "the GPU is of unknown brand, because it was tired: "));
    CHECK(!contains(text, "arch"));
}
