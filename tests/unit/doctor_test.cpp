// SPDX-License-Identifier: Apache-2.0
// Each finding of grapnel doctor, on a host with that fault, and its healthy twin, which is silent.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "doctor/areas.hpp"
#include "doctor/cdi_scan.hpp"
#include "doctor/redact.hpp"
#include "doctor/report.hpp"
#include "doctor/shell.hpp"
#include "doctor/tar.hpp"
#include "doctor_faults.hpp"
#include "json/text.hpp"
#include "yaml/parse.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace grapnel::test {

namespace {

using namespace doctor_command;

std::vector<Area> areas_of(const DoctoredHost& host) {
    const auto facts = gather_facts(host.files, host.settings, host.here);
    return all_areas(facts);
}

std::string codes_of(const std::vector<Area>& areas) {
    std::string out;
    for (const auto& area : areas)
        for (const auto& finding : area.findings)
            out += name_of(page_of(finding.code)) + ": " + finding.text + "\n";
    return out;
}

std::set<Code> set_of(const std::vector<Area>& areas) {
    std::set<Code> out;
    for (const auto& area : areas)
        for (const auto& finding : area.findings)
            out.insert(finding.code);
    return out;
}

bool is_parsed_by_shell(std::string command) {
    std::array<std::string, 3> words{"sh", "-n", "-c"};
    std::array arguments{words[0].data(), words[1].data(), words[2].data(), command.data(),
                         static_cast<char*>(nullptr)};
    pid_t shell = -1;
    if (posix_spawnp(&shell, "sh", nullptr, nullptr, arguments.data(), environ) != 0)
        return false;
    int status = -1;
    return waitpid(shell, &status, 0) == shell && status == 0;
}

std::vector<Fault> all_faults() {
    auto out = faults();
    for (const auto* const table :
         {&fault_variants(), &engine_faults(), &file_faults(), &cluster_faults()})
        out.insert(out.end(), table->begin(), table->end());
    return out;
}

} // namespace

TEST_CASE("each fault is found and named") {
    for (const auto& fault : all_faults()) {
        DoctoredHost host(fault.base);
        fault.make(host);
        const auto areas = areas_of(host);
        CAPTURE(fault.name);
        CAPTURE(codes_of(areas));
        CHECK(set_of(areas) == std::set{fault.code});
        for (const auto& area : areas)
            for (const auto& finding : area.findings) {
                CHECK(finding.text.find(fault.says) != std::string::npos);
                CHECK(!finding.command.empty());
                CHECK(is_parsed_by_shell(finding.command));
            }
    }
}

TEST_CASE("a path is one word of a command") {
    CHECK(shell_word("/etc/cdi/nvidia-1.json") == "/etc/cdi/nvidia-1.json");
    CHECK(shell_word("/home/o'neil; rm -r $HOME") == R"('/home/o'\''neil; rm -r $HOME')");
    CHECK(shell_word("") == "''");
}

TEST_CASE("healthy hosts are silent") {
    for (const auto& name : healthy_hosts()) {
        const DoctoredHost host(name);
        const auto areas = areas_of(host);
        CAPTURE(name);
        CHECK(codes_of(areas) == "");
        CHECK(exit_status(areas) == 0);
    }
}

TEST_CASE("near faults are silent") {
    for (const auto* const table : {&near_faults(), &healthy_variants(), &healthy_engines(),
                                    &healthy_files(), &healthy_clusters()})
        for (const auto& fault : *table) {
            DoctoredHost host(fault.base);
            fault.make(host);
            CAPTURE(fault.name);
            CHECK(codes_of(areas_of(host)) == "");
        }
}

TEST_CASE("each page has a fault") {
    std::set<Code> known;
    for (const auto& fault : all_faults())
        known.insert(fault.code);
    for (const auto& page : pages) {
        CAPTURE(name_of(page));
        CHECK(known.contains(static_cast<Code>(page.number)));
        CHECK(!page.text.empty());
    }
    CHECK(pages.size() >= 40);
}

TEST_CASE("exit status tells errors from warnings") {
    DoctoredHost host("h200");
    host.files.remove("/dev/nvidia0");
    CHECK(exit_status(areas_of(host)) == exit_warnings);
    host.files.file("/dev/nvidia0", "");
    CHECK(exit_status(areas_of(host)) == exit_errors);
}

TEST_CASE("codes are found in any case") {
    CHECK(find_page("gr0103") == find_page("GR0103"));
    CHECK(find_page("GR0103") != nullptr);
    CHECK(find_page("GR9999") == nullptr);
    CHECK(find_page("0103") == nullptr);
    CHECK(find_page("GR") == nullptr);
}

TEST_CASE("secrets are replaced") {
    CHECK(redact(R"("splunk-token": "abc",)") == R"("splunk-token":REDACTED)");
    CHECK(redact("password = \"abc\"\nlog = \"/x\"") == "password REDACTED\nlog = \"/x\"");
    CHECK(redact("PASSWORD hunter2") == "PASSWORD REDACTED");
    CHECK(redact("http-proxy: http://me:abc@proxy/") == "http-proxy: http://REDACTED@proxy/");
    CHECK(redact("http://proxy:3128/a@b") == "http://proxy:3128/a@b");
    CHECK(redact("") == "");
}

TEST_CASE("archive is in blocks of tar") {
    Tar tar(0);
    tar.add("a", "text");
    const auto text = tar.finish();
    CHECK(text.size() == 4 * 512);
    CHECK(text.substr(257, 5) == "ustar");
    CHECK(text.substr(512, 4) == "text");
}

TEST_CASE("CDI files are scanned in both forms") {
    const auto json = parse_json(
        R"({"kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {"deviceNodes":
        [{"major": 195, "minor": 3, "path": "/dev/nvidia0"}, {"path": "/dev/a", "hostPath": "/b"}],
        "mounts": [{"hostPath": "/lib/a"}]}}]})");
    const auto yaml =
        parse_yaml("kind: nvidia.com/gpu # of NVIDIA\ndevices:\n- name: \"0\"\n"
                   "  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidia0\n"
                   "      major: 195\n      minor: 3\n    - path: /dev/a\n      hostPath: '/b'\n"
                   "    mounts:\n      -\n        hostPath: /lib/a\n");
    REQUIRE(yaml);
    CHECK(*yaml == json);
    const auto scan = scan_cdi_json(json);
    CHECK(scan.kind == "nvidia.com/gpu");
    CHECK(scan.names == std::vector<std::string>{"0"});
    CHECK(scan.host_paths == std::vector{host_path("/lib/a")});
    REQUIRE(scan.nodes.size() == 2);
    CHECK(scan.nodes.front().number == DeviceNumber{195, 3});
    CHECK(scan.nodes.back().path == host_path("/b"));
}

} // namespace grapnel::test
