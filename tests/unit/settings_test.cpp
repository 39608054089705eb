// SPDX-License-Identifier: Apache-2.0
#include "settings/settings.hpp"
#include "support/outcome.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <regex>
#include <sstream>

namespace {

using namespace grapnel;
using test::contains;
using test::error_of;

Settings with(void (*change)(Settings&)) {
    Settings settings;
    change(settings);
    return settings;
}

} // namespace

TEST_CASE("a file without keys leaves the defaults") {
    for (const auto* const toml : {"", "# nothing\n", "\n\n[nvidia-container-cli]\n"}) {
        CAPTURE(toml);
        CHECK(parse_settings(toml, Dialect::grapnel, "f") == Settings{});
    }
}

TEST_CASE("the installed file shows the defaults") {
    std::ostringstream text;
    text << std::ifstream(SETTINGS_FILE).rdbuf();
    const auto shown = std::regex_replace(text.str(), std::regex("\n#([a-z-]+ = )"), "\n$1");
    CHECK(std::count(shown.begin(), shown.end(), '=') > 25);
    const auto settings = parse_settings(shown, Dialect::grapnel, "config.toml");
    REQUIRE(settings);
    // these three depend on the installation or the host
    CHECK(*settings == with([](auto& s) {
        s.ldconfig = host_path("/sbin/ldconfig");
        s.probe = host_path("/usr/libexec/grapnel/grapnel-probe");
        s.probe_user = "65534:65534";
    }));
}

TEST_CASE("each key does what grapnel.toml(5) says") {
    using enum DriverCapability;
    struct Row {
        const char* toml;
        Settings settings;
    };
    const Row rows[] = {
        {"disable-require = true", with([](auto& s) { s.disable_require = true; })},
        {"swarm-resource = \"A, B ,,C\"", with([](auto& s) {
             s.swarm_resources = {"A", "B", "C"};
         })},
        {"swarm-resource = \"\"", {}},
        {"accept-nvidia-visible-devices-envvar-when-unprivileged = false",
         with([](auto& s) { s.accept_environment_when_unprivileged = false; })},
        {"accept-nvidia-visible-devices-as-volume-mounts = true",
         with([](auto& s) { s.accept_volume_mounts = true; })},
        {"supported-driver-capabilities = \"utility, compute\"", with([](auto& s) {
             s.supported_driver_capabilities = {utility, compute};
         })},
        {"supported-driver-capabilities = \"all\"", {}},
        {"supported-driver-capabilities = \"video,all\"", {}},
        {"supported-driver-capabilities = \"\"",
         with([](auto& s) { s.supported_driver_capabilities = {}; })},
        {"[nvidia-container-cli]\nno-cgroups = true", with([](auto& s) { s.no_cgroups = true; })},
        {"nvidia-container-cli.no-cgroups = true", with([](auto& s) { s.no_cgroups = true; })},
        {"[nvidia-container-cli]\nldconfig = \"@/sbin/ldconfig.real\"",
         with([](auto& s) { s.ldconfig = host_path("/sbin/ldconfig.real"); })},
        {"[nvidia-container-cli]\nldcache = \"/x/ld.so.cache\"",
         with([](auto& s) { s.ldcache_file = host_path("/x/ld.so.cache"); })},
        {"[nvidia-container-cli]\ndebug = \"/var/log/d.log\"",
         with([](auto& s) { s.log = host_path("/var/log/d.log"); })},
        {"[nvidia-container-cli]\nroot = \"/\"", {}},
        {"[nvidia-container-cli]\nuser = \"root:video\"",
         with([](auto& s) { s.probe_user = "root:video"; })},
        {"probe = \"/opt/probe\"", with([](auto& s) { s.probe = host_path("/opt/probe"); })},
        {"probe = \"\"", with([](auto& s) { s.probe = {}; })},
        {"[nvidia-container-cli]\nroot = \"\"", {}},
        {"[features]\ndisable-imex-channel-creation = true",
         with([](auto& s) { s.disable_imex_channel_creation = true; })},
        {"[nvidia-container-cli]\nroot = \"/run/nvidia/driver/\"",
         with([](auto& s) { s.driver_root = host_path("/run/nvidia/driver"); })},
        {"[nvidia-container-cli]\nload-kmods = false", with([](auto& s) { s.load_kmods = false; })},
        {"device-root = \"/srv\"", with([](auto& s) { s.device_root = host_path("/srv"); })},
        {"[nvidia-container-runtime]\nmode = \"csv\"",
         with([](auto& s) { s.mode = RuntimeMode::csv; })},
        {"[nvidia-container-runtime]\nmode = \"legacy\"",
         with([](auto& s) { s.mode = RuntimeMode::legacy; })},
        {"[nvidia-container-runtime]\nmode = \"jit-cdi\"",
         with([](auto& s) { s.mode = RuntimeMode::jit_cdi; })},
        {"[nvidia-container-runtime]\nmode = \"cdi\"",
         with([](auto& s) { s.mode = RuntimeMode::cdi; })},
        {"[nvidia-container-runtime]\nmode = \"auto\"", {}},
        {"[nvidia-container-runtime.modes.cdi]\ndefault-kind = \"a.b/c\"",
         with([](auto& s) { s.default_kind = "a.b/c"; })},
        {"[nvidia-container-runtime.modes.cdi]\ndefault-kind = \"\"", {}},
        {"[nvidia-container-runtime.modes.cdi]\nannotation-prefixes = [\"a/\", \"b\"]",
         with([](auto& s) {
             s.annotation_prefixes = {"a/", "b"};
         })},
        {"[nvidia-container-runtime.modes.cdi]\nannotation-prefixes = []",
         with([](auto& s) { s.annotation_prefixes.clear(); })},
        {"[features]\nno-additional-gids-for-device-nodes = true",
         with([](auto& s) { s.no_additional_gids = true; })},
        {"[nvidia-container-runtime.modes.csv]\nmount-spec-path = \"/x\"",
         with([](auto& s) { s.csv_directory = host_path("/x"); })},
        {"[nvidia-container-runtime.modes.csv]\nmount-spec-path = \"\"", {}},
        {"[nvidia-container-runtime.modes.csv]\ncompat-container-root = \"/x\"",
         with([](auto& s) { s.csv_compat_directory = inside_path("/x"); })},
        {"[nvidia-container-runtime.modes.csv]\ncompat-container-root = \"\"", {}},
        {"[nvidia-container-cli]\nroot = \"\"", {}},
        {"[features]\nignore-imex-channel-requests = true",
         with([](auto& s) { s.ignore_imex_channel_requests = true; })},
        {"[features]\nallow-cuda-compat-libs-from-container = true",
         with([](auto& s) { s.allow_compat_from_container = true; })},
        {"[features]\ndisable-cuda-compat-lib-hook = true",
         with([](auto& s) { s.disable_compat_hook = true; })},
        {"[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = \"mount\"",
         with([](auto& s) { s.cuda_compat_mode = "mount"; })},
        {"ldcache = \"ldconfig\"", with([](auto& s) { s.ldcache = LdCache::ldconfig; })},
        {"ldcache = \"off\"", with([](auto& s) { s.ldcache = LdCache::off; })},
        {"ldcache = \"auto\"", {}},
        {"log = \"/x.log\"", with([](auto& s) { s.log = host_path("/x.log"); })},
        {"log = \"\"", with([](auto& s) { s.log = HostPath(); })},
        {"library-search-path = [\"/a\", \"/b/\"]", with([](auto& s) {
             s.library_search_path = {host_path("/a"), host_path("/b")};
         })},
        {"binary-search-path = []", {}},
        {"binary-search-path = [\"/c\"]",
         with([](auto& s) { s.binary_search_path = {host_path("/c")}; })},
    };
    for (const auto& row : rows) {
        for (const auto dialect : {Dialect::grapnel, Dialect::nvidia}) {
            CAPTURE(row.toml);
            const auto settings = parse_settings(row.toml, dialect, "f");
            CAPTURE(error_of(settings));
            REQUIRE(settings);
            CHECK(*settings == row.settings);
        }
    }
}

TEST_CASE("NVIDIA's packaged file is understood in both dialects") {
    const auto* const file = R"(
#accept-nvidia-visible-devices-as-volume-mounts = false
#accept-nvidia-visible-devices-envvar-when-unprivileged = true
disable-require = false
supported-driver-capabilities = "compat32,compute,display,graphics,ngx,utility,video"
#swarm-resource = "DOCKER_RESOURCE_GPU"

[nvidia-container-cli]
#debug = "/var/log/nvidia-container-toolkit.log"
environment = []
#ldcache = "/etc/ld.so.cache"
ldconfig = "@/sbin/ldconfig.real"
load-kmods = true
#no-cgroups = false
#path = "/usr/bin/nvidia-container-cli"
#root = "/run/nvidia/driver"
#user = "root:video"

[nvidia-container-runtime]
#debug = "/var/log/nvidia-container-runtime.log"
log-level = "info"
mode = "auto"
runtimes = ["runc", "crun"]

[nvidia-container-runtime.modes]

[nvidia-container-runtime.modes.cdi]
annotation-prefixes = ["cdi.k8s.io/"]
default-kind = "nvidia.com/gpu"
spec-dirs = ["/etc/cdi", "/var/run/cdi"]

[nvidia-container-runtime.modes.csv]
mount-spec-path = "/etc/nvidia-container-runtime/host-files-for-container.d"

[nvidia-container-runtime.modes.legacy]
cuda-compat-mode = "ldconfig"

[nvidia-container-runtime-hook]
path = "nvidia-container-runtime-hook"
skip-mode-detection = false

[nvidia-ctk]
path = "nvidia-ctk"
)";
    const auto expected = with([](auto& s) { s.ldconfig = host_path("/sbin/ldconfig.real"); });
    for (const auto dialect : {Dialect::grapnel, Dialect::nvidia}) {
        const auto settings = parse_settings(file, dialect, "f");
        CAPTURE(error_of(settings));
        REQUIRE(settings);
        CHECK(*settings == expected);
    }
}

TEST_CASE("an unknown key is an error in ours") {
    struct Row {
        const char* toml;
        const char* error;
    };
    const Row rows[] = {
        {"disable-requires = true", "f:1: unknown key 'disable-requires'"},
        {"\n\n[features]\nnew = 1", "f:4: unknown key 'features.new'"},
        {"[nvidia-container-cli]\n\nno-cgroup = true",
         "f:3: unknown key 'nvidia-container-cli.no-cgroup'"},
        {"[features]\nnew.er = 1", "f:2: unknown key 'features.new.er'"},
        {"\"esc\\u001b\" = 1", "unknown key 'esc\\x1b'"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.toml);
        const auto error = error_of(parse_settings(row.toml, Dialect::grapnel, "f"));
        CAPTURE(error);
        CHECK(contains(error, row.error));
        CHECK(contains(error, "grapnel.toml(5)"));
        CHECK(parse_settings(row.toml, Dialect::nvidia, "f") == Settings{});
    }
}

TEST_CASE("a bad value names line and key") {
    struct Row {
        const char* toml;
        const char* error;
    };
    const Row rows[] = {
        {"features = true", "f:1: features is a table of keys and has no value of its own: "
                            "write [features] on a line of its own"},
        {"[[features]]\nx = 1", "f:1: features is a table of keys"},
        {"[ldcache]\nmode = \"off\"", "f:1: ldcache: the value is not a string"},
        {"disable-require = \"true\"",
         "disable-require: the value is not true or false: write it without quotes"},
        {"ldcache = \"of\"", "did you mean 'off'? (known are auto, ldconfig and off)"},
        {"[nvidia-container-runtime]\nmode = \"lgacy\"", "did you mean 'legacy'?"},
        {"disable-require = \"yes\"", "f:1: disable-require: the value is not true or false"},
        {"disable-require = 1", "f:1: disable-require: the value is not true or false"},
        {"\nswarm-resource = 1", "f:2: swarm-resource: the value is not a string"},
        {"swarm-resource = [\"A\"]", "swarm-resource: the value is not a string"},
        {"supported-driver-capabilities = \"compute,vide\"",
         "f:1: supported-driver-capabilities: unknown driver capability 'vide'"},
        {"ldcache = \"on\"", "ldcache: unknown ldcache 'on': known are auto, ldconfig and off"},
        {"[nvidia-container-runtime.modes.cdi]\ndefault-kind = \"gpu\"",
         "default-kind: 'gpu' is no kind of devices: write VENDOR/CLASS"},
        {"[nvidia-container-runtime.modes.cdi]\ndefault-kind = \"nvidia.com/gpu=0\"",
         "is no kind of devices"},
        {"[nvidia-container-runtime.modes.cdi]\nannotation-prefixes = \"cdi.k8s.io/\"",
         "annotation-prefixes: the value is not an array of strings"},
        {"[nvidia-container-runtime.modes.cdi]\nannotation-prefixes = [\"\"]",
         "annotation-prefixes: an empty prefix stands for every annotation"},
        {"[features]\nno-additional-gids-for-device-nodes = 1",
         "no-additional-gids-for-device-nodes: the value is not true or false"},
        {"ldcache = true", "ldcache: the value is not a string"},
        {"log = \"grapnel.log\"", "log: path 'grapnel.log' is not absolute"},
        {"log = \"/a/../b\"", "log: path '/a/../b' holds '..'"},
        {"library-search-path = \"/a\"",
         "library-search-path: the value is not an array of strings"},
        {"library-search-path = [1]", "library-search-path: the value is not an array of strings"},
        {"library-search-path = [\"a\"]", "library-search-path: path 'a' is not absolute"},
        {"library-search-path = [\"\"]", "library-search-path: path '' is not absolute"},
        {"[nvidia-container-cli]\nldconfig = \"/sbin/ldconfig\"",
         "f:2: nvidia-container-cli.ldconfig: ldconfig '/sbin/ldconfig' would run a program of the "
         "image: write '@/sbin/ldconfig' for the host's"},
        {"[nvidia-container-cli]\nldconfig = \"\"", "would run a program of the image"},
        {"[nvidia-container-cli]\nldconfig = \"@sbin/ldconfig\"", "is not absolute"},
        {"[nvidia-container-cli]\nno-cgroups = 1", "no-cgroups: the value is not true or false"},
    };
    for (const auto& row : rows) {
        for (const auto dialect : {Dialect::grapnel, Dialect::nvidia}) {
            CAPTURE(row.toml);
            const auto error = error_of(parse_settings(row.toml, dialect, "f"));
            CAPTURE(error);
            CHECK(contains(error, row.error));
        }
    }
}

TEST_CASE("malformed TOML is an error with its line") {
    for (const auto* const toml : {"\n\nx", "\na = \n\n", "\n[a\n", "\na = 1\na = 2\n"}) {
        CAPTURE(toml);
        const auto error = error_of(parse_settings(toml, Dialect::nvidia, "/etc/f.toml"));
        CAPTURE(error);
        CHECK(error.starts_with("/etc/f.toml:"));
        CHECK_FALSE(contains(error, "\n"));
    }
    CHECK(contains(
        error_of(parse_settings(std::string(settings_size_limit + 1, '\n'), Dialect::grapnel, "f")),
        "64 KiB"));
}

TEST_CASE("deeply nested tables are refused before reading") {
    std::string names = "a";
    while (names.size() < 32'000)
        names += ".a";
    for (const auto& toml : {"\n[" + names + "]\n", "\n" + names + " = 1\n",
                             "\nx = " + std::string(250, '[') + std::string(250, ']')})
        CHECK(contains(error_of(parse_settings(toml, Dialect::nvidia, "/etc/f.toml")),
                       "/etc/f.toml:2: tables nest deeper than 32 levels"));
}

TEST_CASE("mode and features decide on preferring libcuda") {
    struct Row {
        const char* mode;
        bool allowed;
        bool hook_disabled;
        bool may;
    };
    for (const auto& row : {Row{"ldconfig", false, false, true}, Row{"mount", false, false, true},
                            Row{"hook", false, false, true}, Row{"disabled", false, false, false},
                            Row{"", false, false, false}, Row{"LDCONFIG", false, false, false},
                            Row{"", true, false, true}, Row{"disabled", true, false, false},
                            Row{"ldconfig", true, true, false}}) {
        CAPTURE(row.mode);
        Settings settings;
        settings.cuda_compat_mode = row.mode;
        settings.allow_compat_from_container = row.allowed;
        settings.disable_compat_hook = row.hook_disabled;
        CHECK(settings.forward_compat() == row.may);
    }
}

TEST_CASE("an unknown key suggests a similar one") {
    struct Row {
        const char* toml;
        const char* meant;
    };
    const Row rows[] = {
        {"[nvidia-container-cli]\nno-cgroup = true", "nvidia-container-cli.no-cgroups"},
        {"no-cgroup = true", "nvidia-container-cli.no-cgroups"},
        {"no-cgroups = true", "nvidia-container-cli.no-cgroups"},
        {"no_cgroups = true", "nvidia-container-cli.no-cgroups"},
        {"NoCgroups = true", "nvidia-container-cli.no-cgroups"},
        {"[nvidia-container-cl]\nno-cgroups = true", "nvidia-container-cli.no-cgroups"},
        {"[nvidia-container-runtime]\nno-cgroups = true", "nvidia-container-cli.no-cgroups"},
        {"lod-kmods = true", "nvidia-container-cli.load-kmods"},
        {"[features]\nlibrary-search-path = []", "library-search-path"},
        {"library-search-paths = []", "library-search-path"},
        {"swarm-resources = \"A\"", "swarm-resource"},
        {"[nvidia-container-runtime.modes]\ndefault-kind = \"nvidia.com/gpu\"",
         "nvidia-container-runtime.modes.cdi.default-kind"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.toml);
        const auto error = error_of(parse_settings(row.toml, Dialect::grapnel, "f"));
        CAPTURE(error);
        CHECK(contains(error,
                       "did you mean '" + std::string(row.meant) + "'? (see grapnel.toml(5))"));
    }
    for (const auto* const far : {"colour = 1", "x = 1", "[a.b.c]\nd = 1"})
        CHECK_FALSE(contains(error_of(parse_settings(far, Dialect::grapnel, "f")), "did you mean"));
}

TEST_CASE("the mistake of the lowest line is named") {
    CHECK(
        contains(error_of(parse_settings("zzz = 1\nldcache = 7\naaa = 1\n", Dialect::grapnel, "f")),
                 "f:1: unknown key 'zzz'"));
}

TEST_CASE("settings beside a mistake are read") {
    const std::string right = "[nvidia-container-runtime]\nruntimes = [\"/opt/crun\"]\n";
    const auto found = with([](auto& s) {
        s.runtimes = {"/opt/crun"};
        s.accept_volume_mounts = true; // the key may be the mistaken one
    });
    for (const std::string wrong :
         {"log-levell = \"info\"\n", "mode = 7\n", "[nvidia-container-cli]\nroot = 7\n",
          "[unknown.table]\nx = 1\n"}) {
        CAPTURE(wrong);
        const auto reading = read_settings(right + wrong, Dialect::grapnel, "f");
        CHECK(reading.mistake);
        CHECK(reading.settings == found);
        CHECK(read_settings("disable-require = 7\n" + right, Dialect::grapnel, "f").settings
              == found);
    }
    const auto denied =
        read_settings("accept-nvidia-visible-devices-as-volume-mounts = false\nldcache = 1\n",
                      Dialect::grapnel, "f");
    CHECK_FALSE(denied.settings.accept_volume_mounts);
    const auto broken = with([](auto& s) { s.accept_volume_mounts = true; });
    for (const auto* const text :
         {"runtimes = [", "[nvidia-container-runtime]\nruntimes = [1, 2]\n", "\xff\xfe = 1"})
        CHECK(read_settings(text, Dialect::nvidia, "f").settings == broken);
}
