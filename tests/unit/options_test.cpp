// SPDX-License-Identifier: Apache-2.0
#include "cmdline/help.hpp"
#include "option_table.hpp"
#include "options.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;

Result<Options> parsed(const std::vector<std::string>& words) {
    return parse_options(words);
}

} // namespace

TEST_CASE("each stage is known by its name") {
    CHECK(parsed({"prestart"})->stage == Stage::prestart);
    CHECK(parsed({"createRuntime"})->stage == Stage::create_runtime);
    CHECK(parsed({"poststart"})->stage == Stage::poststart);
    CHECK(parsed({"poststop"})->stage == Stage::poststop);
}

TEST_CASE("options have one or two dashes") {
    for (const auto* const config : {"--config=/f", "-config=/f"}) {
        CAPTURE(config);
        const auto options = parsed({config, "prestart"});
        REQUIRE(options);
        CHECK(options->config == host_path("/f"));
    }
    for (const auto* const config : {"--config", "-config"}) {
        const auto options = parsed({config, "/f", "--debug", "-dry-run", "prestart"});
        REQUIRE(options);
        CHECK(options->config == host_path("/f"));
        CHECK(options->debug);
        CHECK(options->dry_run);
    }
    const auto plain = parsed({"prestart"});
    REQUIRE(plain);
    CHECK_FALSE(plain->config);
    CHECK_FALSE(plain->debug);
    CHECK_FALSE(plain->dry_run);
    CHECK(plain->action == Options::Action::run);
}

TEST_CASE("a word behind the stage is refused") {
    CHECK(contains(error_of(parsed({"prestart", "--debug"})), "one word too many: '--debug'"));
}

TEST_CASE("a relative file starts in the working directory") {
    const auto options = parsed({"--config", "f.toml", "prestart"});
    REQUIRE(options);
    CHECK(options->config->name() == "f.toml");
    CHECK(options->config->parent().text().size() > 1);
    CHECK(parsed({"--config=/usr/../etc/f.toml", "prestart"})->config == host_path("/etc/f.toml"));
}

TEST_CASE("version and help need no stage") {
    CHECK(parsed({"--version"})->action == Options::Action::version);
    CHECK(parsed({"-version"})->action == Options::Action::version);
    CHECK(parsed({"--help"})->action == Options::Action::help);
    CHECK(parsed({"-h"})->action == Options::Action::help);
}

TEST_CASE("a wrong command line names the culprit") {
    struct Row {
        std::vector<std::string> words;
        const char* error;
    };
    const Row rows[] = {
        {{}, "the stage is missing"},
        {{"--debug"}, "the stage is missing"},
        {{"start"}, "unknown stage 'start'"},
        {{"createruntime"}, "unknown stage 'createruntime'"},
        {{""}, "unknown stage ''"},
        {{"--colour", "prestart"}, "'--colour'"},
        {{"-x", "prestart"}, "'-x'"},
        {{"--config"}, "'--config' needs a value"},
        {{"prestart", "more"}, "one word too many: 'more'"},
        {{"--dryrun", "prestart"}, "did you mean '--dry-run'?"},
        {{"prestrat"}, "unknown stage 'prestrat': did you mean 'prestart'?"},
        {{"--debug=maybe", "prestart"}, "'--debug': 'maybe' is neither true nor false"},
        {{"--config", "", "prestart"}, "--config: path '' is not absolute"},
        {{"--config", "/nowhere/../b", "prestart"}, "--config: open '/nowhere/..': No such file"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.words);
        const auto options = parsed(row.words);
        const auto error = error_of(options);
        CAPTURE(error);
        CHECK(contains(error, row.error));
    }
    for (const auto& words : {std::vector<std::string>{}, {"start"}, {"--colour", "prestart"}})
        CHECK(parsed(words).error().kind == Error::Kind::usage);
}

TEST_CASE("help names every stage and every option") {
    for (const auto* const word : {"prestart", "createRuntime", "poststart", "poststop", "--config",
                                   "--debug", "--dry-run", "--version", "--help"})
        CHECK(contains(cmdline::help(hook_program().itself), word));
}
