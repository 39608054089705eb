// SPDX-License-Identifier: Apache-2.0
// The command line of nvidia-container-cli: words, what they ask for, and what is printed.
#include "list.hpp"
#include "options.hpp"
#include "request.hpp"
#include "support/outcome.hpp"

#include <doctest/doctest.h>

namespace {

using namespace grapnel;
using namespace grapnel::cli;
using test::contains;
using test::error_of;
using Command = Options::Command;
using Words = std::vector<std::string>;

Options options_of(const Words& words) {
    auto options = parse_options(words);
    CAPTURE(error_of(options));
    REQUIRE(options);
    return *options;
}

Request request_of(Words words) {
    words.insert(words.begin(), "configure");
    words.emplace_back("/rootfs");
    const auto request = configure_request(options_of(words), Settings{});
    CAPTURE(error_of(request));
    REQUIRE(request);
    return *request;
}

std::string refusal_of(Words words) {
    words.insert(words.begin(), "configure");
    words.emplace_back("/rootfs");
    return error_of(configure_request(options_of(words), Settings{}));
}

Result<Settings> settings_from(const Words& words) {
    return settings_of(options_of(words), Settings{}, {.user = 1000, .group = 100});
}

} // namespace

TEST_CASE("what callers write is understood") {
    using enum DriverCapability;
    SUBCASE("containerd") {
        const auto options = options_of({"--load-kmods", "configure", "--device=0", "--compute",
                                         "--compat32", "--graphics", "--utility", "--video",
                                         "--display", "--pid=42", "/run/c/rootfs"});
        CHECK(options.load_kmods);
        CHECK(options.devices == Words{"0"});
        CHECK(options.driver_capabilities
              == DriverCapabilities{compute, graphics, utility, video, display});
        CHECK(options.compat32);
        CHECK(*pid_of(options) == 42);
        CHECK(*rootfs_of(options) == host_path("/run/c/rootfs"));
    }
    SUBCASE("LXC") {
        const auto options =
            options_of({"--user", "configure", "--no-cgroups", "--ldconfig=@/usr/sbin/ldconfig",
                        "--device=all", "--utility", "--require=cuda>=12 brand=tesla", "/r"});
        CHECK(options.user == "");
        CHECK(options.no_cgroups);
        CHECK(options.requirements == Words{"cuda>=12 brand=tesla"});
        CHECK_FALSE(options.pid);
    }
    SUBCASE("NVIDIA's hook") {
        const auto options =
            options_of({"--root=/run/nvidia/driver", "--no-create-imex-channels", "--no-pivot",
                        "--debug=/dev/stderr", "--ldcache=/etc/ld.so.cache", "--user=root:video",
                        "configure", "--cuda-compat-mode=ldconfig", "--mig-config=all",
                        "--imex-channel=0,1", "--pid=7", "/r"});
        CHECK(options.root == "/run/nvidia/driver");
        CHECK(options.user == "root:video");
        CHECK(options.debug == "/dev/stderr");
        CHECK(options.cuda_compat_mode == "ldconfig");
        CHECK(options.mig_config == "all");
    }
}

TEST_CASE("options can be cut, joined, behind the operand") {
    const auto options = options_of({"-k", "-u1000:100", "-d", "/log", "configure", "/r", "-cu",
                                     "-d0", "-d", "1", "--dev=2", "--req", "driver>=550", "-p42"});
    CHECK(options.load_kmods);
    CHECK(options.user == "1000:100");
    CHECK(options.debug == "/log");
    CHECK(options.devices == Words{"0", "1", "2"});
    CHECK(options.requirements == Words{"driver>=550"});
    CHECK(options.pid == "42");
    CHECK(options.rootfs == "/r");
    CHECK(options_of({"-u", "configure", "/r"}).user == "");
    CHECK(options_of({"configure", "--", "-r"}).rootfs == "-r");
}

TEST_CASE("a letter's meaning depends on its place") {
    CHECK(options_of({"-d", "/log", "list", "-d", "0"}).debug == "/log");
    CHECK(options_of({"-l", "/c", "list", "-l"}).libraries);
    CHECK(options_of({"-n", "configure", "-n", "/r"}).driver_capabilities
          == DriverCapabilities{DriverCapability::ngx});
    CHECK(options_of({"info", "--csv"}).csv);
}

TEST_CASE("a wrong command line is said in words") {
    const struct {
        Words words;
        const char* part;
    } rows[] = {
        {{}, "the command is missing"},
        {{"--load-kmods"}, "the command is missing"},
        {{"frobnicate"}, "unknown command 'frobnicate'"},
        {{"configure"}, "ROOTFS is missing"},
        {{"configure", "/a", "/b"}, "one word too many: '/b'"},
        {{"list", "/a"}, "one word too many"},
        {{"configure", "--bogus", "/a"}, "unknown option '--bogus'"},
        {{"configure", "-x", "/a"}, "unknown option '-x'"},
        {{"configure", "--no", "/a"}, "the beginning of several options"},
        {{"configure", "/a", "--device"}, "'--device' needs a value"},
        {{"configure", "--compute=1", "/a"}, "'--compute' takes no value"},
        {{"--device=0", "configure", "/a"}, "unknown option '--device'"},
        {{"list", "--compute"}, "unknown option '--compute'"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.part);
        const auto options = parse_options(row.words);
        REQUIRE_FALSE(options);
        CHECK(options.error().kind == Error::Kind::usage);
        CHECK(contains(error_of(options), row.part));
    }
}

TEST_CASE("help and version need nothing else") {
    CHECK(options_of({"--version", "nonsense"}).command == Command::version);
    CHECK(options_of({"-V"}).command == Command::version);
    CHECK(options_of({"-?"}).command == Command::help);
    CHECK(options_of({"--usage"}).command == Command::usage);
    const auto of_command = options_of({"configure", "--help"});
    CHECK(of_command.command == Command::help);
    CHECK(contains(help(of_command.help_of), "--cuda-compat-mode=MODE"));
    CHECK(contains(help(""), "-u, --user[=UID[:GID]]"));
}

TEST_CASE("all among the devices is every device") {
    using enum Request::Devices;
    CHECK(request_of({}).devices == none);
    CHECK(request_of({"--device="}).devices == none);
    const auto some = request_of({"--device=1,,0", "-d", "GPU-aa,1"});
    CHECK(some.devices == listed);
    CHECK(some.listed == gpu_names({"1", "0", "GPU-aa"}));
    for (const auto* const word : {"all", "ALL", "0,all", "all,5"}) {
        CAPTURE(word);
        const auto request = request_of({std::string("--device=") + word});
        CHECK(request.devices == all);
        CHECK(request.listed.empty());
    }
    // these are words of a container's environment
    CHECK(request_of({"--device=none"}).listed == gpu_names({"none"}));
    CHECK(request_of({"--device=void"}).listed == gpu_names({"void"}));
}

TEST_CASE("without capabilities no driver library is asked for") {
    CHECK(request_of({"--device=0"}).driver_capabilities.empty());
    CHECK(request_of({"--compat32"}).driver_capabilities
          == DriverCapabilities{DriverCapability::compat32});
}

TEST_CASE("what is left out is left out") {
    const auto plain = request_of({});
    CHECK(plain.change_cgroup);
    CHECK(plain.bind_devices);
    CHECK(plain.gsp_firmware);
    CHECK(plain.persistenced);
    CHECK(plain.fabricmanager);
    CHECK(plain.forward_compat);
    const auto less = request_of({"--no-cgroups", "--no-devbind", "--no-gsp-firmware",
                                  "--no-persistenced", "--no-fabricmanager", "--no-cntlibs"});
    CHECK_FALSE(less.change_cgroup);
    CHECK_FALSE(less.bind_devices);
    CHECK_FALSE(less.gsp_firmware);
    CHECK_FALSE(less.persistenced);
    CHECK_FALSE(less.fabricmanager);
    CHECK_FALSE(less.forward_compat);
}

TEST_CASE("forward compatibility follows its three modes") {
    CHECK(request_of({"--cuda-compat-mode=mount"}).forward_compat);
    CHECK(request_of({"--cuda-compat-mode=ldconfig"}).forward_compat);
    CHECK_FALSE(request_of({"--cuda-compat-mode=disabled"}).forward_compat);
    CHECK(contains(refusal_of({"--cuda-compat-mode=hook"}), "input error"));
    const Settings off{.ldcache = LdCache::off};
    CHECK_FALSE(configure_request(options_of({"configure", "/r"}), off)->forward_compat);
}

TEST_CASE("MIG and IMEX") {
    CHECK(request_of({"--mig-config=all"}).mig_config);
    CHECK(request_of({"--mig-monitor=ALL"}).mig_monitor);
    CHECK(refusal_of({"--mig-config=0"}).starts_with("mig-config error: unknown device '0'"));
    CHECK(refusal_of({"--mig-monitor=all,0"}).starts_with("mig-monitor error: "));
    CHECK(request_of({"--imex-channel=5,0,5"}).imex_channels.listed
          == std::vector<std::uint32_t>{0, 5});
    CHECK(request_of({"--imex-channel=all"}).imex_channels.all);
    CHECK(refusal_of({"--imex-channel=1048576"}).starts_with("error parsing IMEX info: "));
}

TEST_CASE("requirements are joined; an empty one is none") {
    CHECK(request_of({"-r", "cuda>=12", "--require=", "-r", "brand=tesla"}).requirements.size()
          == 2);
    CHECK(refusal_of({"-r", "cuda==12"}).starts_with("requirement error: invalid expression: "));
}

TEST_CASE("the command line precedes the settings' file") {
    const auto plain = settings_from({"info"});
    REQUIRE(plain);
    CHECK_FALSE(plain->load_kmods);
    CHECK_FALSE(plain->disable_imex_channel_creation);
    CHECK(plain->driver_root == host_path("/"));
    CHECK(plain->probe_user.empty());
    const auto said = settings_from({"-k", "--no-create-imex-channels", "-r/run/d", "-l/c", "-u7:8",
                                     "configure", "--ldconfig=@/x/ldconfig", "/r"});
    REQUIRE(said);
    CHECK(said->load_kmods);
    CHECK(said->disable_imex_channel_creation);
    CHECK(said->driver_root == host_path("/run/d"));
    CHECK(said->ldcache_file == host_path("/c"));
    CHECK(said->probe_user == "7:8");
    CHECK(said->ldconfig == host_path("/x/ldconfig"));
    CHECK(settings_from({"--user", "info"})->probe_user == "1000:100");
}

TEST_CASE("the settings' file fills in the command line") {
    Settings file;
    file.driver_root = host_path("/run/nvidia/driver");
    file.ldconfig = host_path("/x/ldconfig");
    file.load_kmods = true;
    file.no_cgroups = true;
    const auto options = options_of({"configure", "/r"});
    const auto settings = settings_of(options, file, {});
    REQUIRE(settings);
    CHECK(settings->driver_root == file.driver_root);
    CHECK(settings->ldconfig == file.ldconfig);
    CHECK_FALSE(settings->load_kmods); // a flag that is not given is a word as well
    CHECK(configure_request(options, *settings)->change_cgroup);
}

TEST_CASE("a container's own ldconfig is refused") {
    for (const auto* const path : {"/sbin/ldconfig", "", "ldconfig", "@", "@ldconfig", "@/../x"}) {
        CAPTURE(path);
        const auto settings = settings_from({"configure", std::string("--ldconfig=") + path, "/r"});
        REQUIRE_FALSE(settings);
        CHECK(error_of(settings).starts_with("input error: --ldconfig"));
    }
}

TEST_CASE("rootfs is an absolute path, PID a number") {
    for (const auto* const path : {"/", "//", "/./", "rootfs", "", "/a/../b"}) {
        CAPTURE(path);
        CHECK(error_of(rootfs_of(options_of({"configure", path}))).starts_with("input error: "));
    }
    for (const auto* const pid : {"", "0", "-1", "x", "1 ", "99999999999"}) {
        CAPTURE(pid);
        CHECK_FALSE(pid_of(options_of({"configure", std::string("--pid=") + pid, "/r"})));
    }
}

TEST_CASE("list prints everything unless it is told what") {
    CHECK(lists_everything(options_of({"list"})));
    CHECK(lists_everything(options_of({"list", "--imex-channel=0"})));
    for (const auto* const option :
         {"-l", "-b", "-i", "-f", "-d0", "--mig-config=all", "--compat32", "--no-persistenced",
          "--no-fabricmanager", "--no-gsp-firmware"}) {
        CAPTURE(option);
        CHECK_FALSE(lists_everything(options_of({"list", option})));
    }
    CHECK_FALSE(lists_everything(options_of({"list", "--imex-channel=0", "--imex-channel=1"})));
    CHECK_FALSE(lists_everything(options_of({"list", "--imex-channel=0", "--compat32"})));
    CHECK(list_request(options_of({"list"}))->devices == Request::Devices::all);
    CHECK(list_request(options_of({"list", "--compat32"}))->devices == Request::Devices::none);
    CHECK(list_request(options_of({"list", "-l"}))->devices == Request::Devices::none);
    CHECK_FALSE(list_request(options_of({"list", "-l"}))
                    ->driver_capabilities.has(DriverCapability::compat32));
}

TEST_CASE("list keeps the order of NVIDIA's program") {
    Inventory inventory;
    for (const auto* const name : {"liba.so.1", "libcuda.so.1", "libnvidia-ml.so.1"})
        inventory.libraries.push_back({.path = host_path("/lib") / name});
    inventory.libraries.push_back({.path = host_path("/lib32/libcuda.so.1"), .is_32bit = true});
    inventory.binaries.push_back({.path = host_path("/bin/nvidia-smi"), .name = "nvidia-smi"});
    inventory.binaries.push_back({.path = host_path("/bin/nvidia-imex"), .name = "nvidia-imex"});
    inventory.sockets = {host_path("/run/nvidia-persistenced/socket"),
                         host_path("/run/nvidia-fabricmanager/socket")};
    inventory.firmware = {host_path("/lib/firmware/gsp.bin")};
    const auto text = [&](const Words& words) {
        const auto options = options_of(words);
        return *list_text(options, *list_request(options), inventory);
    };
    CHECK(text({"list"})
          == "/bin/nvidia-smi\n/lib/libnvidia-ml.so.1\n/lib/libcuda.so.1\n/lib/liba.so.1\n"
             "/lib32/libcuda.so.1\n/run/nvidia-persistenced/socket\n"
             "/run/nvidia-fabricmanager/socket\n/lib/firmware/gsp.bin\n");
    CHECK(text({"list", "--no-persistenced", "--no-fabric", "--no-gsp"}).empty());
    CHECK(text({"list", "--compat32"}).empty());
    CHECK(text({"list", "-i", "--no-persistenced"}) == "/run/nvidia-fabricmanager/socket\n");
    CHECK(text({"list", "-i", "-f", "--no-fabricmanager", "--no-gsp-firmware"})
          == "/run/nvidia-persistenced/socket\n");
    CHECK(text({"list", "-b", "--imex-channel=7"})
          == "/dev/nvidia-caps-imex-channels/channel7\n/bin/nvidia-smi\n");
}

TEST_CASE("info pads addresses like NVML, or says Unknown") {
    Inventory inventory{.driver_version = "580.1"};
    inventory.gpus.push_back({.uuid = "GPU-1", .pci = "0000:0A:00.0", .model = "NVIDIA X"});
    inventory.gpus.push_back({.index = 1,
                              .uuid = "GPU-2",
                              .pci = "10000:0B:00.0",
                              .model = "NVIDIA Y",
                              .minor = 3,
                              .arch = "9.0",
                              .brand = "Tesla"});
    CHECK(info_text(inventory)
          == "NVRM version:   580.1\nCUDA version:   Unknown\n"
             "\nDevice Index:   0\nDevice Minor:   Unknown\nModel:          NVIDIA X\n"
             "Brand:          Unknown\nGPU UUID:       GPU-1\nBus Location:   00000000:0A:00.0\n"
             "Architecture:   Unknown\n"
             "\nDevice Index:   1\nDevice Minor:   3\nModel:          NVIDIA Y\n"
             "Brand:          Tesla\nGPU UUID:       GPU-2\nBus Location:   00010000:0B:00.0\n"
             "Architecture:   9.0\n");
    CHECK(info_csv(inventory)
          == "NVRM version,CUDA version\n580.1,Unknown\n\n"
             "Device Index,Device Minor,Model,Brand,GPU UUID,Bus Location,Architecture\n"
             "0,Unknown,NVIDIA X,Unknown,GPU-1,00000000:0A:00.0,Unknown\n"
             "1,3,NVIDIA Y,Tesla,GPU-2,00010000:0B:00.0,9.0\n");
}
