// SPDX-License-Identifier: Apache-2.0
#include "plan/forward_compat.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;

constexpr auto good = R"({"format":1,"CUDA version":"12.10","driver":[535,550],"device":[7]})";

/// Whether it is used; empty texts stand for versions that are not known.
bool used(const std::string& name, const std::optional<std::string>& note,
          const std::string& driver, const std::string& cuda) {
    return use_compat({.name = name, .note = note}, Version::parse(driver), Version::parse(cuda))
        .has_value();
}

} // namespace

TEST_CASE("a newer suitable libcuda is used") {
    struct Row {
        const char* what;
        const char* name;
        std::optional<std::string> note;
        const char* driver;
        const char* cuda;
        bool used;
    };
    const Row rows[] = {
        {"listed, newer", "libcuda.so.570.1.1", good, "550.54.14", "12.4", true},
        {"listed, newer in the last part", "libcuda.so.550.54.15", good, "550.54.14", "", true},
        {"listed, the same", "libcuda.so.550.54.14", good, "550.54.14", "", false},
        {"listed, older", "libcuda.so.535.1.1", good, "550.54.14", "", false},
        {"not listed", "libcuda.so.570.1.1", good, "545.1.1", "12.3", false},
        {"the driver's CUDA does not matter", "libcuda.so.570.1.1", good, "550.54", "99.9", true},
        {"CUDA alone, newer by number", "libcuda.so.570.1.1", good, "", "12.9", true},
        {"CUDA alone, the same", "libcuda.so.570.1.1", good, "", "12.10", false},
        {"CUDA alone, older", "libcuda.so.570.1.1", good, "", "13.0", false},
        {"nothing known of the host", "libcuda.so.570.1.1", good, "", "", false},
        {"no note, a newer branch", "libcuda.so.570.1.1", {}, "550.54.14", "12.4", true},
        {"no note, newer by number", "libcuda.so.222.1", {}, "99.1", "", true},
        {"no note, the branch", "libcuda.so.550.99.1", {}, "550.54.14", "", false},
        {"no note, an older branch", "libcuda.so.535.1.1", {}, "550.54.14", "", false},
        {"no note, CUDA alone", "libcuda.so.570.1.1", {}, "", "12.4", false},
        {"no version", "libcuda.so.570.1.x", good, "550.54.14", "", false},
        {"not libcuda", "libcudart.so.570.1.1", good, "550.54.14", "", false},
        {"no name", "", good, "550.54.14", "", false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        CHECK(used(row.name, row.note, row.driver, row.cuda) == row.used);
    }
}

TEST_CASE("a note is JSON, keys in any case") {
    struct Row {
        std::string note;
        bool used;
    };
    const Row rows[] = {
        {good, true},
        {good + std::string(3, '\0'), true},
        {R"({"CUDA VERSION":"12.10","DRIVER":[550]})", true},
        {R"({"cuda version":"12","driver":[1,550]})", true},
        {"", false},
        {"[]", false},
        {"null", false},
        {R"({"CUDA version":"12.10"})", false},
        {R"({"driver":[550]})", false},
        {R"({"CUDA version":12.10,"driver":[550]})", false},
        {R"({"CUDA version":"12.x","driver":[550]})", false},
        {R"({"CUDA version":"","driver":[550]})", false},
        {R"({"CUDA version":"12.10","driver":550})", false},
        {R"({"CUDA version":"12.10","driver":["550"]})", false},
        {R"({"CUDA version":"12.10","driver":[-550,550]})", false},
        {R"({"CUDA version":"12.10","driver":[550.0]})", false},
        {R"({"CUDA version":"12.10","driver":[18446744073709552166]})", false},
        {R"({"CUDA version":"12.10","driver":[]})", false},
        {R"({"CUDA version":"12.10","driver":[550]} more)", false},
        {std::string("{\"CUDA version\":\"12.10\",\"driver\":[550],\"\xff\":1}"), false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.note);
        CHECK(used("libcuda.so.570.1.1", row.note, "550.54.14", "") == row.used);
    }
}

TEST_CASE("the used libcuda's CUDA version is reported") {
    const auto driver = Version::parse("550.54.14");
    CHECK(use_compat({.name = "libcuda.so.570.1.1", .note = good}, driver, {})
          == PlannedCompat{.library = "libcuda.so.570.1.1", .cuda = "12.10"});
    CHECK(use_compat({.name = "libcuda.so.570.1.1"}, driver, {})
          == PlannedCompat{.library = "libcuda.so.570.1.1"});
}
