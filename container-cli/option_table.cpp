// SPDX-License-Identifier: Apache-2.0
#include "option_table.hpp"

namespace grapnel::cli {

using namespace cmdline;

namespace {

using Command = Options::Command;
using Rows = std::vector<Row<Options>>;

template <DriverCapability capability>
void want(Options& options, const std::optional<std::string>& /*value*/) {
    options.driver_capabilities.insert(capability);
}

constexpr Row<Options> help_option{{"help", 'h', Value::none, "", "print this", {}, true},
                                   assign<&Options::command, Command::help>};
/// NVIDIA's letter.
constexpr Row<Options> old_help_option{{"help", '?', Value::none, "", "", {}, true},
                                       assign<&Options::command, Command::help>};
constexpr Row<Options> usage_option{
    {"usage", '\0', Value::none, "", "print a short usage", {}, true},
    assign<&Options::command, Command::usage>};

const Rows& shared_options() {
    using enum Value;
    static const Rows known{
        {{"device", 'd', needed, "ID", "a GPU or MIG device, or all; a list", words("all")},
         append<&Options::devices>},
        {{"mig-config", '\0', needed, "ID", "all: the right to make MIG devices", words("all")},
         set<&Options::mig_config>},
        {{"mig-monitor", '\0', needed, "ID", "all: the right to watch MIG devices", words("all")},
         set<&Options::mig_monitor>},
        {{"imex-channel", '\0', needed, "CHANNEL", "an IMEX channel; a list", words("all")},
         append<&Options::imex_channels>},
        {{"compat32", '\0', none, "", "32-bit libraries as well"}, set_flag<&Options::compat32>},
        {{"no-persistenced", '\0', none, "", "without the socket of nvidia-persistenced"},
         set_flag<&Options::no_persistenced>},
        {{"no-fabricmanager", '\0', none, "", "without the socket of the fabric manager"},
         set_flag<&Options::no_fabricmanager>},
        {{"no-gsp-firmware", '\0', none, "", "without the firmware of the GPU's own processor"},
         set_flag<&Options::no_gsp_firmware>},
        help_option,
        old_help_option,
        usage_option,
    };
    return known;
}

Rows with_shared(Rows own) {
    own.insert(own.end(), shared_options().begin(), shared_options().end());
    return own;
}

const Rows& configure_rows() {
    using enum Value;
    using enum DriverCapability;
    static const auto known = with_shared({
        {{"pid", 'p', needed, "PID", "a process of the container"}, set<&Options::pid>},
        {{"require", 'r', needed, "EXPR", "a requirement of driver and GPU: cuda>=12.4"},
         append<&Options::requirements>},
        {{"ldconfig", 'l', needed, "PATH", "the host's ldconfig: @/sbin/ldconfig",
          words("@/sbin/ldconfig")},
         set<&Options::ldconfig>},
        {{"compute", 'c', none, "", "CUDA and OpenCL"}, want<compute>},
        {{"utility", 'u', none, "", "NVML and nvidia-smi"}, want<utility>},
        {{"video", 'v', none, "", "encoding and decoding"}, want<video>},
        {{"graphics", 'g', none, "", "OpenGL, EGL and Vulkan"}, want<graphics>},
        {{"display", 'D', none, "", "the same for an X server"}, want<display>},
        {{"ngx", 'n', none, "", "NGX"}, want<ngx>},
        {{"no-cgroups", '\0', none, "", "leave the device cgroup alone"},
         set_flag<&Options::no_cgroups>},
        {{"no-devbind", '\0', none, "", "device rules without device nodes"},
         set_flag<&Options::no_devbind>},
        {{"no-cntlibs", '\0', none, "", "use no libcuda of the image"},
         set_flag<&Options::no_cntlibs>},
        {{"cuda-compat-mode", '\0', needed, "MODE", "mount, ldconfig or disabled",
          words("mount ldconfig disabled")},
         set<&Options::cuda_compat_mode>},
    });
    return known;
}

const Rows& list_rows() {
    using enum Value;
    static const auto known = with_shared({
        {{"libraries", 'l', none, "", "the driver's libraries"}, set_flag<&Options::libraries>},
        {{"binaries", 'b', none, "", "its programs"}, set_flag<&Options::binaries>},
        {{"ipcs", 'i', none, "", "sockets of its daemons"}, set_flag<&Options::ipcs>},
        {{"firmwares", 'f', none, "", "its firmware"}, set_flag<&Options::firmwares>},
    });
    return known;
}

const Rows& info_rows() {
    static const Rows known{
        {{"csv", '\0', Value::none, "", "values with commas between them"},
         set_flag<&Options::csv>},
        help_option,
        old_help_option,
        usage_option,
    };
    return known;
}

constexpr std::string_view begin = "nvidia-container-cli [OPTION]... ";

cmdline::Command command(std::string_view name, std::string_view help, std::string_view operand,
                         const Rows& rows) {
    return {.name = name,
            .help = help,
            .synopsis =
                std::string(begin) + std::string(name) + " [OPTION]..." + std::string(operand),
            .options = options_of(rows)};
}

} // namespace

const Rows& global_rows() {
    using enum Value;
    static const Rows known{
        {{"debug", 'd', needed, "FILE", "log warnings to FILE", files}, set<&Options::debug>},
        {{"load-kmods", 'k', none, "", "load missing modules, make missing nodes"},
         set_flag<&Options::load_kmods>},
        {{"no-pivot", 'n', none, "", "without effect: accepted for compatibility"},
         [](Options&, const std::optional<std::string>&) {}},
        {{"user", 'u', optional, "UID[:GID]", "ask the driver's library as that user"},
         set<&Options::user>},
        {{"root", 'r', needed, "PATH", "the root of the driver's files", directories},
         set<&Options::root>},
        {{"ldcache", 'l', needed, "FILE", "the ld.so.cache that names them", files},
         set<&Options::ldcache>},
        {{"no-create-imex-channels", '\0', none, "", "make no nodes of IMEX channels"},
         set_flag<&Options::no_create_imex_channels>},
        {{"version", 'V', none, "", "print the version", {}, true},
         assign<&Options::command, Command::version>},
        {{"version", 'v', none, "", "", {}, true}, assign<&Options::command, Command::version>},
        help_option,
        old_help_option,
        usage_option,
    };
    return known;
}

const Rows& rows_of(Command command) {
    if (command == Command::configure)
        return configure_rows();
    return command == Command::list ? list_rows() : info_rows();
}

std::optional<Command> command_of(std::string_view name) {
    for (const auto& [known, value] : {std::pair{"configure", Command::configure},
                                       {"list", Command::list},
                                       {"info", Command::info}})
        if (name == known)
            return value;
    return std::nullopt;
}

Program program() {
    Program out{.names = {"grapnel-cli", "nvidia-container-cli"}};
    out.commands = {
        command("configure", "give the driver to a container", " ROOTFS", configure_rows()),
        command("list", "print the driver's nodes and files", "", list_rows()),
        command("info", "print what driver and GPUs are", "", info_rows()),
    };
    out.commands.front().completion = directories;
    out.itself = {
        .synopsis = std::string(begin) + "configure|list|info [OPTION]...",
        .about = "Gives a container the NVIDIA driver of its host, and says what the host has.\n",
        .operand = "commands",
        .options = options_of(global_rows()),
    };
    for (const auto& one : out.commands)
        out.itself.words.push_back({one.name, one.help});
    return out;
}

} // namespace grapnel::cli
