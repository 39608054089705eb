// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <doctest/doctest.h>
#include <sstream>
#include <vector>

namespace {

using namespace grapnel;

CommandLine parse(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    std::vector<const char*> pointers;
    for (const auto& word : words)
        pointers.push_back(word.c_str());
    return parse_command_line(pointers);
}

} // namespace

TEST_CASE("the bundle is found in every spelling") {
    for (const char* text : {
             "create --bundle /b c1",
             "create --bundle=/b c1",
             "create -b /b c1",
             "create -b=/b c1",
             "create -bundle /b c1",
             "create -bundle=/b c1",
             "create -b/b c1",
             "run --bundle /b c1",
             "run -d --pid-file p --bundle /b c1",
             "create c1 --bundle /b",
             "--root /r --log /l --log-format json create --bundle /b --pid-file p c1",
             "--root=/r --systemd-cgroup --debug create --no-pivot --bundle /b c1",
             "--cgroup-manager systemd --log-level debug create -b /a --bundle /b c1",
             "create --console-socket --bundle --bundle /b c1",
             "create --preserve-fds 3 -b /b -- c1",
             "-- create --bundle /b c1",
             "--debug -- create --bundle /b c1",
             // as crun takes them
             "run -db /b c1",
             "run -db/b c1",
             "create --bund /b c1",
             "create --b=/b c1",
             "create --pres 3 --bund /b c1",
             "--cgroup systemd create -b /b c1",
             // flags of runc with one dash
             "create -no-subreaper -b /b c1",
             "run -detach -keep -b /b c1",
         }) {
        CAPTURE(text);
        const auto line = parse(text);
        CHECK(line.makes_container);
        CHECK(line.bundle == "/b");
        CHECK(line.id == "c1");
    }
}

TEST_CASE("without --bundle the working directory is the bundle") {
    for (const char* text :
         {"create c1", "run c1", "create --pid-file p c1", "create -- c1 --bundle",
          "create --bundle= c1", "create -b= c1", "run -b /a -b= c1"})
        CHECK(parse(text).bundle == ".");
    CHECK(parse_command_line(std::vector<const char*>{"create", "-b", "", "c1"}).bundle == ".");
    CHECK(parse("create --bundle=a=b c1").bundle == "a=b");
}

TEST_CASE("the first non-option is the command, like NVIDIA's") {
    for (const char* text :
         {"delete create", "state run", "--root create delete c1", "--log run start create",
          "exec create create", "", "--version", "features", "--root", "update --bundle create"})
        CHECK_FALSE(parse(text).makes_container);
    const auto named = parse("create --bundle /b create");
    CHECK(named.makes_container);
    CHECK(named.id == "create");
}

TEST_CASE("what of a running container is updated") {
    for (const char* text :
         {"--root /r update --resources - c1", "--root /r update -r - c1",
          "--root /r update --resources=- c1", "--root=/r --debug update -r- c1",
          "--root /r update --memory 7 --resources - c1", "--root /r update --res - -- c1"}) {
        CAPTURE(text);
        const auto line = parse(text);
        CHECK(line.updates);
        CHECK_FALSE(line.makes_container);
        CHECK(line.resources == "-");
        CHECK(line.id == "c1");
        CHECK(line.command_at == 2);
    }
    const auto file = parse("update --resources /f c1");
    CHECK(file.resources == "/f");
    CHECK(file.command_at == 0);
    CHECK(file.id_at == 3);
    for (const char* text : {"update --memory 7 c1", "update --memory --resources c1",
                             "update -r -", "create update -r - c1", "exec c1 update -r - c1"})
        CHECK_FALSE(parse(text).updates);
}

TEST_CASE("the engine's log") {
    const auto json = parse("--log /l --log-format json create -b /b c1");
    CHECK(json.log == "/l");
    CHECK(json.log_is_json);
    const auto text = parse("--log=/l create -b /b c1");
    CHECK(text.log == "/l");
    CHECK_FALSE(text.log_is_json);
    CHECK(parse("create --log /l").log.empty());
}

TEST_CASE("the version") {
    CHECK(parse("--version").version);
    CHECK(parse("-v").version);
    CHECK_FALSE(parse("exec c1 cat --version").version);
    CHECK_FALSE(parse("--root --version create c1").version);
}
