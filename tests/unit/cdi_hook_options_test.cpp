// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cdi_hook_options.hpp"
#include "cdi_hook_table.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>
#include <initializer_list>
#include <vector>

namespace {

using namespace grapnel;
using cdi_hook::Options;
using test::contains;
using test::error_of;

Result<Options> parse(std::initializer_list<std::string> words) {
    const std::vector<std::string> list(words);
    return cdi_hook::parse_options(list);
}

apply::CdiHookRequest request_of(std::initializer_list<std::string> words) {
    const auto options = parse(words);
    REQUIRE_MESSAGE(options, error_of(options));
    CHECK(options->action == Options::Action::run);
    return options->request;
}

} // namespace

TEST_CASE("a call has its name or first word") {
    const std::vector<std::string> stage{"prestart"};
    const std::vector<std::string> hook{"create-symlinks"};
    const std::vector<std::string> value{"--config", "chmod", "prestart"};
    CHECK(cdi_hook::is_call("nvidia-cdi-hook", stage));
    CHECK(cdi_hook::is_call("/usr/local/nvidia/toolkit/nvidia-cdi-hook", {}));
    CHECK(cdi_hook::is_call("grapnel-hook", hook));
    CHECK_FALSE(cdi_hook::is_call("grapnel-hook", stage));
    CHECK_FALSE(cdi_hook::is_call("nvidia-container-runtime-hook", value));
    CHECK_FALSE(cdi_hook::is_call("grapnel-hook", {}));
}

TEST_CASE("links are joined to the root as text") {
    const auto request =
        request_of({"create-symlinks", "--link", "libcuda.so.1::/usr/lib/libcuda.so",
                    "--link=../x::usr//lib/../lib64/./y", "-link", "a::/usr/lib/z"});
    REQUIRE(request.links.size() == 3);
    CHECK(request.hook == apply::CdiHook::create_symlinks);
    CHECK(request.links[0].inside.text() == "/usr/lib/libcuda.so");
    CHECK(request.links[0].target == "libcuda.so.1");
    CHECK(request.links[1].inside.text() == "/usr/lib64/y");
    CHECK(request.links[1].target == "../x");
    CHECK(request.links[2].inside.text() == "/usr/lib/z");
}

TEST_CASE("a later link of a path counts") {
    const auto request = request_of({"create-symlinks", "--link=a::/x", "--link=b::/x,c::/y"});
    REQUIRE(request.links.size() == 2);
    CHECK(request.links[0].target == "b");
    CHECK(request.links[1].inside.text() == "/y");
}

TEST_CASE("a link above the root stays below it") {
    const auto options = parse({"create-symlinks", "--link=a::/../../etc/passwd"});
    CHECK((!options || options->request.links.front().inside.text() == "/etc/passwd"));
}

TEST_CASE("options of each hook are read") {
    CHECK(request_of({"--debug", "update-ldcache", "--folder=/a", "--folder", "/b",
                      "--ldconfig-path", "/sbin/ldconfig"})
              .folders.size()
          == 2);
    const auto compat =
        request_of({"enable-cuda-compat", "--host-driver-version=580.1", "--host-cuda-version=13.0",
                    "--cuda-compat-container-root=/opt/compat"});
    CHECK(compat.driver_version == "580.1");
    CHECK(compat.cuda_version == "13.0");
    CHECK(compat.compat_directory.text() == "/opt/compat");
    const auto modes =
        request_of({"chmod", "--mode", "0755", "--path=/dev/dri", "--path=/x"}).modes;
    REQUIRE(modes.size() == 2);
    CHECK(modes[0].mode == 0755);
    CHECK(request_of({"disable-device-node-modification"}).hook
          == apply::CdiHook::disable_device_node_modification);
    CHECK(request_of({"update-application-profile", "--container-spec", "-"}).hook
          == apply::CdiHook::update_application_profile);
    CHECK(request_of({"create-soname-symlinks", "--folder=/a"}).hook
          == apply::CdiHook::create_soname_symlinks);
}

TEST_CASE("the table has each hook of the enumeration") {
    const auto noop = static_cast<std::size_t>(apply::CdiHook::noop);
    CHECK(cdi_hook::entries().size() == noop);
    CHECK(request_of({"noop"}).hook == apply::CdiHook::noop);
}

TEST_CASE("a hook that is not known is skipped") {
    for (const auto& words :
         {std::vector<std::string>{"tomorrow", "--x"}, {"--x", "tomorrow"}, {}}) {
        const auto options = cdi_hook::parse_options(words);
        REQUIRE(options);
        CHECK(options->action == Options::Action::skip);
    }
}

TEST_CASE("mistakes in a known hook's words are errors") {
    CHECK(contains(error_of(parse({"create-symlinks", "--no-such"})), "--no-such"));
    CHECK(contains(error_of(parse({"--no-such", "chmod"})), "--no-such"));
    for (const auto* const link : {"x", "::/x", "a::b::c", "a::", "a::/"})
        CHECK(contains(error_of(parse({"create-symlinks", "--link", link})), "--link"));
    for (const auto* const mode : {"", "8", "755x", "77777", "-1"})
        CHECK(contains(error_of(parse({"chmod", "--path=/x", std::string("--mode=") + mode})),
                       "is no octal number"));
    CHECK(contains(error_of(parse({"update-ldcache", "--ldconfig-path=sbin/ldconfig"})),
                   "--ldconfig-path"));
}
